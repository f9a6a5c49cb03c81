#!/usr/bin/env bash
# The commands of `make deploy`. Run this from the repository's root, on the state that the plan was made for. Unlike
# `make deploy`, it cannot continue after an interruption, and does not write deliverables.yaml.
set -euo pipefail
test -f services/models.yaml || { echo "Run this from the repository's root." >&2; exit 1; }
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
mkdir -p .run/deploy

# wait_for_build BUILD URI: waits for a build and prints its image by tag and digest.
wait_for_build() {
  while :; do
    case "$(gcloud builds describe "$1" --project="$project" --format='value(status)')" in
      SUCCESS) break ;;
      PENDING | QUEUED | WORKING) sleep 5 ;;
      *) echo "Build $1 failed: gcloud builds log $1 --project=$project" >&2; return 1 ;;
    esac
  done
  gcloud builds describe "$1" --project="$project" --flatten='results.images[]' \
    --format='value(results.images.name,results.images.digest)' |
    awk -v tag="$2:$1" '$1 == tag { print $1 "@" $2 }'
}

# wait_until_active COMMAND: waits until the command prints ACTIVE.
wait_until_active() {
  while :; do
    case "$("$@")" in
      ACTIVE) return 0 ;;
      FAILED) echo "Its creation failed: $*" >&2; return 1 ;;
      *) sleep 5 ;;
    esac
  done
}

# base_url HOST
base_url() {
  case "$1" in
    localhost | localhost:* | 127.0.0.1 | 127.0.0.1:*) echo "http://$1" ;;
    *) echo "https://$1" ;;
  esac
}

# smoke_test URL: requests the URL with $KEY until it returns 200, for $patience seconds at most.
smoke_test() {
  local status end=$((SECONDS + patience))
  while :; do
    status="$(printf 'header = "x-api-key: %s"\n' "$KEY" |
      curl --config - --silent --max-time 75 --output /dev/null --write-out '%{http_code}' "$1" || true)"
    [ "$status" != 200 ] || return 0
    [ "$SECONDS" -lt "$end" ] || { echo "GET $1 returned $status." >&2; return 1; }
    sleep 2
  done
}

