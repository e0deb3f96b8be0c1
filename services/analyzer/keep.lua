-- Keeps an entry, and lets others go until all have room. KEYS: the entry, the order in which they go, their sizes, the
-- sum of the sizes. ARGV: content, milliseconds until it goes anyway, bytes of all, policy, name, what stands before names.
local size, limit, name = #ARGV[1], tonumber(ARGV[3]), ARGV[5]
local total = tonumber(redis.call('GET', KEYS[4]) or 0) - tonumber(redis.call('HGET', KEYS[3], name) or 0)
redis.call('ZREM', KEYS[2], name)
while total + size > limit do
    local first = redis.call('ZPOPMIN', KEYS[2])
    if #first == 0 then
        total = 0
        break
    end
    total = total - tonumber(redis.call('HGET', KEYS[3], first[1]) or 0)
    redis.call('HDEL', KEYS[3], first[1])
    redis.call('DEL', ARGV[6] .. first[1])
end
local now = redis.call('TIME')
local place = ARGV[4] == 'lfu' and 1 or now[1] * 1000000 + now[2]
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], place, name)
redis.call('HSET', KEYS[3], name, size)
redis.call('SET', KEYS[4], total + size)
return total + size
