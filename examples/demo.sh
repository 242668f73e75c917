#!/usr/bin/env bash
# The whole life of a deployment on the simulated data centre: plan, apply, no change, another SLA, destroy.
# Usage: demo.sh DCPLAN FOLDER.  Works in a copy, so that the example stays as it is.
set -euo pipefail
dcplan=$1
source=$2
work=.cache/demo
rm -rf "$work"
mkdir -p "$work"
cp "$source"/*.yaml "$source"/*.gz "$work"/

say() { printf '\n\033[1m$ dcplan %s\033[0m\n' "$*"; }
run() { say "$@"; "$dcplan" -chdir "$work" "$@"; }

run plan -out first.plan
run apply first.plan
run plan -detailed-exitcode
run plan -var ttft=1500ms -var tpot=60ms
run apply -auto-approve -var ttft=1500ms -var tpot=60ms
run show
run destroy -auto-approve
printf '\nThat was a whole life on simulated machines. Yours begins with: %s -chdir %s plan\n' ".venv/bin/dcplan" "$source"
