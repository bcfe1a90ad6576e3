# Caddy and nginx as deploy/ has them, in front of docent: only ports, names and certificates are those of this test.

packages nginx:nginx-light openssl:openssl curl:curl

port=$(free_port)
mkdir "$work/docs"
printf '# Ports\n\nChange `listen`.\n' >"$work/docs/ports.md"
cat >"$work/docent.toml" <<TOML
data_dir = "$work/data"
listen = "127.0.0.1:$port"
public_url = "https://docs.example.com"
allowed_hosts = ["localhost"]
trusted_proxies = ["127.0.0.1", "::1"]
[git]
webhook_secret = "a secret of forty characters, or nearly so"
[[collections]]
name = "docs"
path = "$work/docs"
TOML
serve() {
  "$work/docent" serve --config "$work/docent.toml" >>"$work/log" 2>&1 &
  docent=$!
  started+=("$docent")
}
serve

body='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"ports"}}}'
# ask WORDS…: a call with curl; head and body of the answer.
ask() {
  curl --silent --show-error --include --max-time 40 --header 'Content-Type: application/json' \
    --header 'Accept: application/json, text/event-stream' --header 'X-Forwarded-For: 192.0.2.7' "$@"
}
says() {
  local words=$1 said
  shift
  said=$("$@") || return 1
  grep -qi -- "$words" <<<"$said" || {
    printf '%s\n' "$said"
    return 1
  }
}
head -c 300000 /dev/zero | tr '\0' ' ' >"$work/large"

# through NAME WORDS…: what every proxy has to do, reached with these words for curl.
through() {
  local name=$1
  shift
  check "proxies $name brings calls" says '"results"' eventually_ask "$@" --data "$body"
  # Whose calls are limited is known: the proxy's word on the address counts, and its own address is nobody's.
  check "proxies $name says who calls" who_calls "$@"
  # A signature that is wrong can only be told from one that is right when all of it has come.
  check "proxies $name brings large hooks" says '^HTTP/[0-9.]* 401' \
    ask --header "X-Hub-Signature-256: sha256=$(printf '0%.0s' {1..64})" "${@:1:$#-1}" "${@: -1:1}/../hooks/git/docs" \
    --data-binary "@$work/large"
  check "proxies $name refuses what is too large" says '^HTTP/[0-9.]* 413' ask "$@" --data-binary "@$work/large"
  check "proxies $name streams" streams "$@"
}
# left ADDRESS WORDS…: how many calls this client may still make.
left() {
  ask --interface "$1" "${@:2}" --data "$body" | sed -n 's/^ratelimit: .*r=\([0-9]*\).*/\1/Ip'
}
# Each client has a limit of its own; without its address all would be the proxy.
who_calls() {
  local first second other
  first=$(left 127.0.0.2 "$@") && second=$(left 127.0.0.2 "$@") && other=$(left 127.0.0.3 "$@") || return 1
  echo "left: $first, then $second, of another: $other"
  [[ -n $first ]] && ((second < first && other > second))
}
eventually_ask() {
  eventually ask "$@" --fail && ask "$@"
}
# The first event of a subscription comes while the stream is open, however long that is.
streams() {
  local listen='{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}},"notifications":{"toolsListChanged":true}}}'
  local said
  said=$(timeout 5 curl --silent --no-buffer --header 'Content-Type: application/json' --header 'Accept: application/json, text/event-stream' \
    --header 'MCP-Protocol-Version: 2026-07-28' --header 'Mcp-Method: subscriptions/listen' "$@" --data "$listen") && {
    printf 'the stream ended: %s\n' "$said"
    return 1
  }
  grep -q 'acknowledged' <<<"$said" || {
    printf '%s\n' "$said"
    return 1
  }
}
check "proxies docent serves" eventually curl --silent --fail "http://127.0.0.1:$port/readyz"

# Caddy. Its name here has no certificate, so it is asked in clear.
caddy_port=$(free_port)
export DOCENT_HOST="http://docs.example.com:$caddy_port" DOCENT_UPSTREAM="127.0.0.1:$port"
export XDG_DATA_HOME="$work/caddy" XDG_CONFIG_HOME="$work/caddy" CADDY_ADMIN="unix/$work/caddy.sock"
caddyfile="$root/deploy/Caddyfile"
check "proxies Caddyfile" caddy validate --config "$caddyfile" --adapter caddyfile
check "proxies Caddyfile without variables" env -u DOCENT_HOST -u DOCENT_UPSTREAM caddy validate --config "$caddyfile" --adapter caddyfile
check "proxies Caddyfile is formatted" bash -c 'diff <(caddy fmt "$1") "$1"' bash "$caddyfile"
caddy run --config "$caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
started+=($!)
via_caddy=(--resolve "docs.example.com:$caddy_port:127.0.0.1" --header 'Host: docs.example.com' "http://docs.example.com:$caddy_port/mcp")
through Caddy "${via_caddy[@]}"
# An update: calls that come while docent is away wait for it.
restarted() {
  kill "$docent"
  wait "$docent" || return 1
  ask "${via_caddy[@]}" --data "$body" >"$work/waited" &
  local waiting=$!
  sleep 1
  serve
  wait "$waiting" && grep -q '"results"' "$work/waited"
}
# Not by check: the server that it starts has to outlive it.
if restarted; then echo "ok proxies Caddy waits while docent restarts"; else echo "FAIL proxies Caddy waits while docent restarts"; fi

# nginx, with a certificate that it finds where certbot would have put one.
nginx_port=$(free_port)
clear_port=$(free_port)
mkdir -p "$work/live" "$work/nginx"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=docs.example.com \
  -addext subjectAltName=DNS:docs.example.com -keyout "$work/live/privkey.pem" -out "$work/live/fullchain.pem" 2>/dev/null
sed -e "s#/etc/letsencrypt/live/docs.example.com#$work/live#" -e "s#127.0.0.1:8080#127.0.0.1:$port#" \
  -e "s#listen 443#listen 127.0.0.1:$nginx_port#" -e "s#listen 80;#listen 127.0.0.1:$clear_port;#" -e '/listen \[::\]/d' \
  "$root/deploy/nginx.conf" >"$work/nginx/docent.conf"
cat >"$work/nginx/nginx.conf" <<NGINX
daemon off;
pid $work/nginx/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $work/nginx/body;
    proxy_temp_path $work/nginx/proxy;
    fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    scgi_temp_path $work/nginx/scgi;
    include $work/nginx/docent.conf;
}
NGINX
check "proxies nginx.conf" nginx -t -e stderr -c "$work/nginx/nginx.conf"
nginx -e stderr -c "$work/nginx/nginx.conf" >"$work/nginx.log" 2>&1 &
started+=($!)
tls=(--cacert "$work/live/fullchain.pem" --resolve "docs.example.com:$nginx_port:127.0.0.1")
# On its own port the host would have no number.
through nginx "${tls[@]}" --header 'Host: docs.example.com' "https://docs.example.com:$nginx_port/mcp"
check "proxies nginx sends people to https" says '^location: https://docs.example.com/mcp' \
  ask --header 'Host: docs.example.com' "http://127.0.0.1:$clear_port/mcp"
