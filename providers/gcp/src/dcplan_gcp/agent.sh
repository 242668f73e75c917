#!/bin/bash
# Keeps running on this machine what dcplan says.
#
# The machine's metadata keys dcplan-run-* say what shall run; each is kept as a file in /run/dcplan, and the
# launcher is called with "start FILE" when one comes or changes, and with "stop FILE" when one goes.
# The image brings the launcher; it must be harmless to call it twice.
set -u

launcher="@LAUNCHER@"
folder="${DCPLAN_FOLDER:-/run/dcplan}"
pause_s="${DCPLAN_PAUSE_S:-15}"
metadata=http://metadata.google.internal/computeMetadata/v1/instance/attributes

ask() {
  curl -fsS -m 5 -H "Metadata-Flavor: Google" "$metadata/$1"
}

one_round() {
  local keys key file
  keys="$(ask "")" || return 1
  mkdir -p "$folder" && chmod 700 "$folder"
  for key in $keys; do
    [[ "$key" == dcplan-run-* ]] || continue
    file="$folder/$key.json"
    ask "$key" >"$file.new" || continue
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
    key="$(basename "$file" .json)"
    if ! grep -qx -- "$key" <<<"$keys"; then
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

# Each boot: stay, as a service.
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
systemctl enable dcplan-agent.service
systemctl restart dcplan-agent.service
