-- Takes from a bucket, as `rate.take` does; by the clock of the server, so that all processes have the same.
-- KEYS[1]: the bucket. ARGV: cost, how much per second, burst. Returns the seconds to wait, as text; 0 where it was taken.
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local cost, per_s, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local reached = tonumber(redis.call('GET', KEYS[1]) or '0')
local next = math.max(reached, now) + cost / per_s
local wait = math.max(reached - now, 0) + (cost - burst) / per_s
if wait > 0 then return string.format('%.6f', wait) end
redis.call('SET', KEYS[1], string.format('%.6f', next), 'PX', math.ceil((next - now) * 1000) + 1)
return '0'
