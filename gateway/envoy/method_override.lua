-- Sets the method of the request to X-HTTP-Method-Override.
function envoy_on_request(request)
  local headers = request:headers()
  -- If the header is repeated, use the value by which the route was chosen.
  headers:replace(":method", headers:get("x-gateway-method"))
end
