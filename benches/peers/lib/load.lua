-- Sends the messages of a file, one after the other, over and over, with the headers of another. Each has an id of its own:
-- in a session two requests with one id would be one.
local messages = {}
for line in io.lines(os.getenv("MESSAGES")) do
  messages[#messages + 1] = line
end

wrk.method = "POST"
for line in io.lines(os.getenv("HEADERS")) do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end

local head
local id = 0

function init()
  -- All but the length and the body is the same each time; to format it anew would take the client longer than some answers.
  head = wrk.format(nil, nil, nil, ""):gsub("[Cc]ontent%-[Ll]ength: 0\r\n", ""):gsub("\r\n\r\n$", "\r\nContent-Length: ")
end

function request()
  id = id + 1
  local body = '{"jsonrpc":"2.0","id":' .. id .. messages[(id - 1) % #messages + 1]
  return head .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.read + errors.write + errors.timeout + errors.connect
  io.write(string.format("%d %.2f %.3f %.3f %.0f %d\n", summary.requests, summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.bytes / math.max(1, summary.requests), failed))
end
