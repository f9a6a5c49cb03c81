-- wrk's script: POSTs the files listed in BENCHMARK_BODIES in turn, or sends GETs if there are none, and finally prints one
-- line of JSON. BENCHMARK_HEADERS has one header per line.

local requests = {}
local last = 0

function init()
  local headers = {}
  for name, value in os.getenv("BENCHMARK_HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do
    headers[name] = value
  end
  for path in io.lines(os.getenv("BENCHMARK_BODIES")) do
    local file = assert(io.open(path, "rb"))
    requests[#requests + 1] = wrk.format("POST", wrk.path, headers, file:read("*a"))
    file:close()
  end
  if #requests == 0 then
    requests[1] = wrk.format("GET", wrk.path, headers)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "p50": %.6f, "p90": %.6f, "p99": %.6f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(90) / 1e6, latency:percentile(99) / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
