-- wrk script: takes the next of many tokens for each request, and prints the outcome as JSON.
--
-- usage: wrk … -s tokens.lua URL -- PATH [FILE]
--
-- FILE holds one token a line; wrk's two threads share them out. Without it the request is as given.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(arguments)
  wrk.path = arguments[1]
  if not arguments[2] then return end
  local requests, position, line_number = {}, 0, 0
  for line in io.lines(arguments[2]) do
    if line_number % 2 == number % 2 then
      local headers = { Host = "localhost", Authorization = "Bearer " .. line }
      requests[#requests + 1] = wrk.format("GET", arguments[1], headers)
    end
    line_number = line_number + 1
  end
  -- Defined only here: without it wrk calls no Lua for each request.
  request = function()
    position = position % #requests + 1
    return requests[position]
  end
end

function done(summary, latency)
  local shares, points = { 10, 25, 50, 75, 90, 95, 99, 99.9 }, {}
  for i, share in ipairs(shares) do
    points[i] = string.format('"%g":%d', share, latency:percentile(share))
  end
  local errors = summary.errors
  print(string.format('{"requests":%d,"refused":%d,"failed":%d,"seconds":%.4f,"latency":{%s}}',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, table.concat(points, ",")))
end
