-- Reads an entry and notes the use. KEYS: the entry, the order in which they go. ARGV: policy, name.
local content = redis.call('GET', KEYS[1])
if not content then
    return false
end
if ARGV[1] == 'lru' then
    local now = redis.call('TIME')
    redis.call('ZADD', KEYS[2], 'XX', now[1] * 1000000 + now[2], ARGV[2])
elseif ARGV[1] == 'lfu' then
    redis.call('ZINCRBY', KEYS[2], 1, ARGV[2])
end
return {content, redis.call('PTTL', KEYS[1])}
