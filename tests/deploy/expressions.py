"""Asks a Prometheus every expression of the dashboard and of the manual: DASHBOARD MANUAL PROMETHEUS-URL."""

import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

dashboard, manual, prometheus = sys.argv[1:]
panels = json.load(open(dashboard))
expressions = [target["expr"] for panel in panels["panels"] for target in panel.get("targets", [])]
expressions += [annotation["expr"] for annotation in panels["annotations"]["list"]]
alerts = open(manual).read().split("### What to be woken for")[1].split("\n## ")[0]
expressions += re.findall(r"^\| `([^`]+)`", alerts, re.MULTILINE)
assert len(expressions) > 25, f"only {len(expressions)} expressions were found"

empty = []
for expression in expressions:
    asked = expression.replace("$job", ".*").replace("$__rate_interval", "1m")
    query = urllib.parse.urlencode({"query": asked})
    try:
        answer = json.load(urllib.request.urlopen(f"{prometheus}/api/v1/query?{query}"))
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{expression}: {error.read().decode()}")
    # An alert is empty as long as all is well, and so is what has not happened.
    if not answer["data"]["result"]:
        empty.append(expression)
print(f"{len(expressions)} expressions, {len(empty)} of them without a value now")
assert len(empty) < len(expressions) / 2, "\n".join(empty)
