#!/bin/bash
# Keeps running on this machine what dcplan says.
#
# The instance's tags dcplan-runs-* name parameters of Systems Manager; each is kept as a file in /run/dcplan, and
# the launcher is called with "start FILE" when one comes or changes, and with "stop FILE" when one goes.
# The image brings the launcher; it must be harmless to call it twice.
set -u

launcher="@LAUNCHER@"
folder="${DCPLAN_FOLDER:-/run/dcplan}"
pause_s="${DCPLAN_PAUSE_S:-15}"
metadata=http://169.254.169.254/latest

token() {
  curl -fsS -m 5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 300" "$metadata/api/token"
}

ask() {
  curl -fsS -m 5 -H "X-aws-ec2-metadata-token: $1" "$metadata/meta-data/$2"
}

one_round() {
  local secret region names tag name file
  secret="$(token)" || return 1
  region="$(ask "$secret" placement/region)" || return 1
  # Without tags the answer is "not found": then nothing is to run.
  names="$(ask "$secret" tags/instance)" || names=""
  mkdir -p "$folder" && chmod 700 "$folder"
  for tag in $names; do
    [[ "$tag" == dcplan-runs-* ]] || continue
    name="$(ask "$secret" "tags/instance/$tag")" || return 1
    file="$folder/$tag.json"
    aws ssm get-parameter --region "$region" --name "$name" --query Parameter.Value --output text \
      >"$file.new" || continue
    if [[ -f "$file" ]] && cmp -s "$file.new" "$file"; then
      rm "$file.new"
      continue
    fi
    mv "$file.new" "$file"
    # What could not be started is forgotten, so that the next round tries again.
    "$launcher" start "$file" || rm "$file"
  done
  for file in "$folder"/*.json; do
    [[ -f "$file" ]] || continue
    tag="$(basename "$file" .json)"
    if ! grep -qx -- "$tag" <<<"$names"; then
      "$launcher" stop "$file" && rm "$file"
    fi
  done
}

if [[ "${1:-}" == once ]]; then
  one_round
  exit
fi

if [[ "${1:-}" == run ]]; then
  while true; do
    one_round || echo "dcplan: the machine's metadata cannot be read; trying again"
    sleep "$pause_s"
  done
fi

# First boot: stay, as a service that comes back after a reboot.
install -m 755 "$0" /usr/local/sbin/dcplan-agent
cat >/etc/systemd/system/dcplan-agent.service <<'UNIT'
[Unit]
Description=Keeps running what dcplan says
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/local/sbin/dcplan-agent run
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now dcplan-agent.service
