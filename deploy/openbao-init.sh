#!/bin/sh
# Sets up OpenBao for the gateway and keeps it unsealed: openbao-init.sh KEYS_FILE LOGIN_DIRECTORY [once]
# A DEMONSTRATION: the unseal key and the root token lie beside the data they protect. In production somebody else unseals
# (auto-unseal by a KMS or HSM), the root token is revoked, and TLS is on.
set -eu
umask 077
keys=$1 login=$2 mode=${3:-watch}
export BAO_ADDR="${BAO_ADDR:-http://openbao:8200}"

# 0 is unsealed, 2 is sealed, 1 is no answer.
state() { code=0 && bao status >/dev/null 2>&1 || code=$?; echo "$code"; }
member() { tr -d ' \n' <"$keys" | sed -n "s/.*\"$1\":\[*\"\([^\"]*\)\".*/\1/p"; }
unseal() { bao operator unseal "$(member unseal_keys_b64)" >/dev/null; }

tries=0
while [ "$(state)" = 1 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo "no answer from $BAO_ADDR" >&2 && exit 1; }
  sleep 1
done
if [ ! -s "$keys" ]; then
  bao operator init -key-shares=1 -key-threshold=1 -format=json >"$keys.new"
  mv "$keys.new" "$keys"
fi
[ "$(state)" = 0 ] || unseal
BAO_TOKEN=$(member root_token)
export BAO_TOKEN

bao secrets list | grep -q '^secret/' || bao secrets enable -path=secret -version=2 kv >/dev/null
bao auth list | grep -q '^approle/' || bao auth enable approle >/dev/null
bao policy write certlocker - >/dev/null <<'POLICY'
path "secret/data/certlocker/*"     { capabilities = ["create", "read", "update"] }
path "secret/metadata/certlocker/*" { capabilities = ["create", "read", "update"] }
POLICY
bao write auth/approle/role/certlocker token_policies=certlocker token_ttl=20m token_max_ttl=4h >/dev/null

# The folder is in memory and mounted in the gateway's containers only, whose user has another number.
if [ ! -s "$login/secret-id" ]; then
  umask 022
  bao read -field=role_id auth/approle/role/certlocker/role-id >"$login/role-id"
  bao write -f -field=secret_id auth/approle/role/certlocker/secret-id >"$login/secret-id.new"
  mv "$login/secret-id.new" "$login/secret-id"
fi
unset BAO_TOKEN

echo "OpenBao is set up"
[ "$mode" = once ] && exit
# As the first process of a container the shell has to be told to end.
trap 'exit 0' TERM INT
while :; do
  sleep 3 & wait $!
  [ "$(state)" != 2 ] || unseal || echo "OpenBao stays sealed" >&2
done
