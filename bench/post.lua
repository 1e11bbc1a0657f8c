-- For wrk: posts bodies in turns and prints what came of it as one line of JSON.
-- wrk -s post.lua URL -- CONTENT_TYPE JSON_LENGTH FILE...     (JSON_LENGTH: of the V2 protocol's header, or 0)
local bodies = {}
local turn = 0

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[1]
  if args[2] ~= "0" then wrk.headers["Inference-Header-Content-Length"] = args[2] end
  for index = 3, #args do
    local file = assert(io.open(args[index], "rb"))
    bodies[#bodies + 1] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end

function request()
  turn = turn % #bodies + 1
  return bodies[turn]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"seconds":%.3f,"answers":%d,"failed":%d,"p50":%.3f,"p99":%.3f}\n',
    summary.duration / 1e6, summary.requests, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
