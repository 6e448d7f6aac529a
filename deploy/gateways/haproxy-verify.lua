-- The action `lua.verify` of haproxy.cfg: checks the token of a request with sessiond. HAProxy has
-- no such directive of its own.
--
-- To cache a check, keep the headers of a 200 in a table by the Authorization header and the Cookie
-- header. Keep a response for a few seconds at most, and never beyond its x-session-expires-at. The
-- end of a session then takes effect later.

local url = assert(os.getenv("SESSIOND_VERIFY_URL"), "SESSIOND_VERIFY_URL is not set")

-- The time for one check, in milliseconds.
local TIMEOUT = 5000

local SESSION_HEADERS = {
    "x-session-key",
    "x-session-expires-at",
    "x-user-id",
    "x-user-mobile",
    "x-user-name",
}

local function reject(txn, status, challenge)
    local reply = txn:reply({ status = status })
    if challenge then
        reply:add_header("www-authenticate", challenge)
    end
    reply:add_header("cache-control", "no-store")
    reply:add_header("content-length", "0")
    txn:done(reply)
end

-- HAProxy numbers the values of a header from 0.
local function first(headers, name)
    local values = headers and headers[name]
    return values and values[0]
end

-- All values are sent, because sessiond rejects a request with two tokens.
local function all(headers)
    local values = {}
    for index = 0, headers and #headers or -1 do
        values[#values + 1] = headers[index]
    end
    return values
end

core.register_action("verify", { "http-req" }, function(txn)
    local received = txn.http:req_get_headers()
    local check = core.httpclient():get({
        url = url,
        headers = { authorization = all(received["authorization"]), cookie = all(received["cookie"]) },
        timeout = TIMEOUT,
    })

    if check.status == 200 then
        for _, name in ipairs(SESSION_HEADERS) do
            txn.http:req_set_header(name, first(check.headers, name) or "")
        end
        txn:set_var("txn.has_session", true)
    elseif check.status == 401 then
        reject(txn, 401, first(check.headers, "www-authenticate") or "Bearer")
    elseif check.status == 400 then
        reject(txn, 400)
    else
        reject(txn, 503)
    end
end)
