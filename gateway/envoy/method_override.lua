-- X-HTTP-Method-Override: the request goes on with the method that it names.
function envoy_on_request(request)
  local headers = request:headers()
  headers:replace(":method", headers:get("x-http-method-override"))
end
