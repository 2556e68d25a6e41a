-- Sends the requests of a file, each thread beginning at another one: a line each, with tabs
-- between method, path, headers ("name: value", parted by "|") and body. Prints one JSON object.
local threads = 0

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(arguments)
   requests = {}
   for line in io.lines(arguments[1]) do
      local method, path, list, body = line:match("^(.-)\t(.-)\t(.-)\t(.*)$")
      local headers = {}
      for name, value in list:gmatch("([^|:]+): ([^|]*)") do headers[name] = value end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
   end
   at = math.floor(#requests * (number or 0) / 2)
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency, _)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "bytes": %d, "failed": %d, "refused": %d, '
         .. '"p50_ms": %.4f, "p99_ms": %.4f, "p999_ms": %.4f, "max_ms": %.4f}\n',
      summary.requests, summary.duration / 1e6, summary.bytes,
      errors.connect + errors.read + errors.write + errors.timeout, errors.status,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency:percentile(99.9) / 1e3, latency.max / 1e3))
end
