-- CONSTANT_ADDRESS: the path of the address, the client's query, then the path parameters in the order of the template,
-- with the client's encoding. The route's filter context maps segments to parameters; a negative `stop` counts from the end.
function envoy_on_request(request)
  local route = request:filterContext()
  local headers = request:headers()
  local whole = headers:get(":path")
  local path, query = whole, nil
  local mark = string.find(whole, "?", 1, true)
  if mark then
    path, query = string.sub(whole, 1, mark - 1), string.sub(whole, mark + 1)
  end
  if route:get("verb") then
    path = string.sub(path, 1, #path - #route:get("verb") - 1)
  end

  local segments = {}
  for segment in string.gmatch(string.sub(path, 2) .. "/", "([^/]*)/") do
    segments[#segments + 1] = segment
  end
  while #segments > 0 and segments[#segments] == "" do
    segments[#segments] = nil
  end

  local query_parts = {}
  if query then
    query_parts[1] = query
  end
  for _, variable in ipairs(route:get("variables")) do
    local stop = variable["stop"]
    if stop < 0 then
      stop = #segments + stop + 1
    end
    query_parts[#query_parts + 1] = variable["name"] .. "=" .. table.concat(segments, "/", variable["start"] + 1, stop)
  end

  headers:replace(":path", route:get("path") .. "?" .. table.concat(query_parts, "&"))
  headers:replace("x-envoy-original-path", whole)
end
