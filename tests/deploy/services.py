"""What the schema cannot say of the Compose file: its services fit each other, the settings and the image."""

import ipaddress
import sys
import tomllib
from pathlib import Path

import yaml

deploy = Path(sys.argv[1])
compose = yaml.safe_load((deploy / "compose.yaml").read_text())
settings = tomllib.loads((deploy / "compose.toml").read_text())
docent, caddy = compose["services"]["docent"], compose["services"]["caddy"]

# Files that are mounted are in the repository, but for what everybody has to bring: docs and secret.
for service in (docent, caddy):
    for mount in service["volumes"]:
        source, target, *_ = mount.split(":")
        if source.startswith("./") and source != "./docs":
            assert (deploy / source).is_file(), source
        elif not source.startswith("./"):
            assert source in compose["volumes"], source
    for network in service["networks"]:
        assert network in compose["networks"]
assert (deploy / docent["build"]["context"] / docent["build"]["dockerfile"]).is_file()

# Caddy finds docent by its name, answers to the host of the settings, and is trusted, by the network of both.
assert caddy["environment"]["DOCENT_UPSTREAM"] == "docent:8080"
assert "https://" + caddy["environment"]["DOCENT_HOST"] == settings["public_url"]
(network,) = compose["networks"]["inside"]["ipam"]["config"]
assert settings["trusted_proxies"] == [str(ipaddress.ip_network(network["subnet"]))]
assert "ports" not in docent, "what reaches docent comes through Caddy"

# Secret and docs are where the settings look for them.
secret = Path(docent["environment"]["DOCENT_CLIENT_SECRET_FILE"])
assert secret.parent == Path("/run/secrets") and secret.name in docent["secrets"]
assert [one["path"] for one in settings["collections"]] == ["/docs"]

for service in (docent, caddy):
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
assert "privileged" not in docent and "cap_add" not in docent
