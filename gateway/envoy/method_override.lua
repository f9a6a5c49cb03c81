-- X-HTTP-Method-Override: the request goes on with the method it names, and the route is chosen again.
function envoy_on_request(request)
  local headers = request:headers()
  headers:replace(":method", headers:get("x-http-method-override"))
  headers:remove("x-http-method-override")
  request:clearRouteCache()
end
