-- X-HTTP-Method-Override: the request goes on with the method that it names.
function envoy_on_request(request)
  local headers = request:headers()
  -- The one that chose the route, should the header stand there twice.
  headers:replace(":method", headers:get("x-gateway-method"))
end
