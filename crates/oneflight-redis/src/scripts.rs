//! What the server does in one step.

use redis::Script;

/// Takes the lease, or says how much longer it is another's, in milliseconds.
///
/// A claim that was granted before is granted again, so that it may be repeated when its answer was lost.
const TAKE: &str = r"
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -10 end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return -10
end
return redis.call('PTTL', KEYS[1])
";

/// What [`TAKE`] answers when the lease is ours. Not an answer of PTTL.
pub(crate) const TAKEN: i64 = -10;

/// Makes the lease last longer, if it is ours.
const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

/// Ends the lease, if it is ours, and wakes those who wait for it.
const GIVE_BACK: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'free')
return 1
";

/// Writes the record over the version that is expected. Versions are compared as text: a number of Lua holds 53 bits.
const SWAP: &str = r"
local standing = redis.call('GET', KEYS[1])
local expected = ''
if standing then
  expected = string.match(standing, '^oneflight:1:(%d+):%l+:%d+\n')
  if not expected then return -1 end
end
if expected ~= ARGV[1] then return 0 end
local now = redis.call('TIME')
local written = now[1] .. string.format('%03d', math.floor(now[2] / 1000))
local value = 'oneflight:1:' .. ARGV[2] .. ':' .. ARGV[3] .. ':' .. written .. '\n' .. ARGV[4]
if ARGV[5] == '' then
  redis.call('SET', KEYS[1], value)
else
  redis.call('SET', KEYS[1], value, 'PX', ARGV[5])
end
return 1
";

/// Removes a record of ours: of any version, or of this one.
const REMOVE: &str = r"
local standing = redis.call('GET', KEYS[1])
if not standing then return 0 end
local version = string.match(standing, '^oneflight:1:(%d+):%l+:%d+\n')
if not version then return -1 end
if ARGV[1] ~= '' and version ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
";

/// What [`SWAP`] and [`REMOVE`] answer when the value is not of this format.
pub(crate) const FOREIGN: i64 = -1;

pub(crate) struct Scripts {
    pub(crate) take: Script,
    pub(crate) renew: Script,
    pub(crate) give_back: Script,
    pub(crate) swap: Script,
    pub(crate) remove: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            take: Script::new(TAKE),
            renew: Script::new(RENEW),
            give_back: Script::new(GIVE_BACK),
            swap: Script::new(SWAP),
            remove: Script::new(REMOVE),
        }
    }
}
