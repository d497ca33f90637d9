#!/usr/bin/env bash
# Records samples/web.pcap.gz: real TCP connections between two network namespaces whose path, a third namespace,
# loses and reorders packets. Leaves nothing behind and can be run again at any time; the tests do not need it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
[ "$(id -u)" = 0 ] || missing+=(root)
for program in ip ethtool python3 curl gzip; do
    command -v $program >/dev/null || missing+=($program)
done
if [ ${#missing[@]} != 0 ]; then
    echo "make-sample: needs root, iproute2, ethtool, python3, curl and gzip; missing: ${missing[*]}" >&2
    exit 1
fi

client=sluice-sample-client path=sluice-sample-path server=sluice-sample-server
work=$(mktemp -d)
pids=()

clean_up() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    for namespace in $client $path $server; do
        ip netns delete "$namespace" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

for namespace in $client $path $server; do
    ip netns delete "$namespace" 2>/dev/null || true
    ip netns add "$namespace"
    # No router solicitations or link-local addresses: only what the connections need is in the capture.
    ip netns exec "$namespace" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/default/accept_ra
        echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode'
done

# Gives the end host $1 the interface eth0 with MAC address $2, whose other end is $3 in the path.
connect_host() {
    ip link add name eth0 netns "$1" address "$2" mtu 1500 type veth peer name "$3" netns "$path" mtu 1500
    # Segments as the wire carries them: none larger than the MTU, all with their checksum.
    ip netns exec "$1" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
    ip netns exec "$path" ethtool -K "$3" tx off tso off gso off gro off >/dev/null
    ip -n "$path" link set "$3" up promisc on
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
}

connect_host $client 02:00:00:00:00:01 to-client
connect_host $server 02:00:00:00:00:02 to-server
ip netns exec $path sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'

for host in 10 11 12 13; do
    ip -n $client address add 192.0.2.$host/24 dev eth0
    ip -n $client address add 2001:db8:1::$host/64 dev eth0 nodad
done
for host in 10 66 67; do
    ip -n $server address add 198.51.100.$host/24 dev eth0
done
ip -n $server address add 2001:db8:2::10/64 dev eth0 nodad
ip -n $client route add 198.51.100.0/24 dev eth0
ip -n $client route add 2001:db8:2::/64 dev eth0
ip -n $server route add 192.0.2.0/24 dev eth0
ip -n $server route add 2001:db8:1::/64 dev eth0

ip netns exec $path python3 scripts/sample/path.py to-client to-server "$work/web.pcap" &
path_pid=$!
ip netns exec $server python3 scripts/sample/server.py "$work/ready" &
pids=("$path_pid" "$!")
until [ -e "$work/ready" ] && [ -e "$work/web.pcap" ]; do
    kill -0 "${pids[@]}" 2>/dev/null || exit 1
    sleep 0.1
done

ip netns exec $client python3 scripts/sample/client.py

kill -TERM "$path_pid"
wait "$path_pid"
mkdir -p samples
gzip -n9 <"$work/web.pcap" >samples/web.pcap.gz
echo "make-sample: samples/web.pcap.gz, $(stat -c %s samples/web.pcap.gz) bytes"
