# A real Prometheus reads the metrics, and knows every expression of the dashboard and of the manual.

packages prometheus:prometheus curl:curl

listen=$(free_port)
metrics=$(free_port)
prometheus=$(free_port)
cat >"$work/docent.toml" <<TOML
data_dir = "$work/data"
listen = "127.0.0.1:$listen"
[metrics]
listen = "127.0.0.1:$metrics"
[[collections]]
name = "docs"
path = "$root/corpus"
TOML
"$work/docent" serve --config "$work/docent.toml" >"$work/log" 2>&1 &
started+=($!)
check "metrics are served" eventually curl --silent --fail --output "$work/metrics" "http://127.0.0.1:$metrics/metrics"
body='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"query":"port"}}}'
call() {
  curl --silent --fail --header 'Content-Type: application/json' --data "$body" "http://127.0.0.1:$listen/mcp" >/dev/null
}
check "metrics of a call" call
curl --silent "http://127.0.0.1:$metrics/metrics" >"$work/metrics"
check "metrics are as promtool wants them" silent bash -c 'promtool check metrics <"$1"' bash "$work/metrics"
printf '# TYPE a_total gauge\na_total 1\n' >"$work/bad"
check "metrics promtool finds a mistake" fails_with 'a_total' bash -c 'promtool check metrics <"$1"' bash "$work/bad"
cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: docent
    static_configs: [{ targets: ["127.0.0.1:$metrics"] }]
YAML
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
  --web.listen-address="127.0.0.1:$prometheus" >"$work/prometheus.log" 2>&1 &
started+=($!)
# Rates need two samples, with calls between them.
sampled() {
  call || return 1
  curl --silent "http://127.0.0.1:$prometheus/api/v1/query" --data-urlencode 'query=sum(rate(docent_calls_total[1m])) > 0' |
    grep -q '"value"'
}
check "metrics are read by Prometheus" eventually sampled
check "metrics dashboard and manual ask what Prometheus knows" \
  python3 "$here/expressions.py" "$root/deploy/grafana-dashboard.json" "$root/corpus/metrics.md" "http://127.0.0.1:$prometheus"
