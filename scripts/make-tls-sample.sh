#!/usr/bin/env bash
# Records samples/tls.pcap.gz: a few TLS handshakes, and two connections of other kinds, between two network namespaces.
# Leaves nothing behind and can be run again at any time; the tests do not need it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
[ "$(id -u)" = 0 ] || missing+=(root)
for program in ip ethtool openssl python3 tcpdump gzip; do
    command -v $program >/dev/null || missing+=($program)
done
if [ ${#missing[@]} != 0 ]; then
    echo "make-tls-sample: needs root, iproute2, ethtool, openssl, python3, tcpdump and gzip; missing: ${missing[*]}" >&2
    exit 1
fi

client=sluice-tls-client server=sluice-tls-server
work=$(mktemp -d)
pids=()

clean_up() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    for namespace in $client $server; do
        ip netns delete "$namespace" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

for namespace in $client $server; do
    ip netns delete "$namespace" 2>/dev/null || true
    ip netns add "$namespace"
    ip netns exec "$namespace" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
        echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
done
ip link add eth0 netns $client type veth peer name eth0 netns $server
for end in "$client 192.0.2.20" "$server 198.51.100.20"; do
    read -r namespace address <<<"$end"
    ip netns exec "$namespace" ethtool -K eth0 tso off gso off gro off tx off >/dev/null
    ip -n "$namespace" addr add "$address/32" dev eth0
    ip -n "$namespace" link set eth0 up mtu 576
    ip -n "$namespace" route add default dev eth0
done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=www.example.org \
    -keyout "$work/key" -out "$work/certificate" 2>/dev/null
ip netns exec $server openssl s_server -accept 443 -key "$work/key" -cert "$work/certificate" -www -quiet \
    >/dev/null 2>&1 &
pids+=($!)
# A server that speaks first, on port 25.
ip netns exec $server python3 -c '
import socket
listener = socket.create_server(("", 25))
while True:
    peer, _ = listener.accept()
    peer.sendall(b"220 mail.example.org ESMTP\r\n")
    peer.recv(100)
    peer.sendall(b"221 bye\r\n")
    peer.close()' &
pids+=($!)
ip netns exec $client tcpdump -i eth0 --immediate-mode --time-stamp-precision=nano -s 0 -w "$work/tls.pcap" tcp \
    2>/dev/null &
tcpdump=$!
pids+=($tcpdump)
sleep 1

request() {
    printf 'GET / HTTP/1.0\r\n\r\n' | ip netns exec $client openssl s_client -connect 198.51.100.20:443 -ign_eof "$@" \
        >/dev/null 2>&1 || true
}
request -servername www.example.org
request -servername old.example.org -tls1_2
request -noservername
# The hello in records of 64 bytes at most, and one that takes several segments.
ip netns exec $client python3 scripts/sample/cut_hello.py 198.51.100.20 split.example.org 64
request -servername long.example.org -alpn "$(printf 'protocol-%03d,' $(seq 80) | sed 's/,$//')"
ip netns exec $client python3 -c '
import socket
peer = socket.create_connection(("198.51.100.20", 25))
peer.recv(100)
peer.sendall(b"QUIT\r\n")
peer.recv(100)'
sleep 1
kill $tcpdump
wait $tcpdump || true
gzip -9n <"$work/tls.pcap" >samples/tls.pcap.gz
echo "wrote samples/tls.pcap.gz ($(stat -c %s samples/tls.pcap.gz) bytes)"
