/* network.c: see network.h */
#include "network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "scan.h"

enum { IP4_AT = 12, IP4_BITS = 96 }; /* where IPv4 begins in an address */

static const unsigned char mapped[IP4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ip4(const struct ip *ip)
{
	return memcmp(ip->at, mapped, sizeof mapped) == 0;
}

static bool parse(const char *text, struct ip *ip)
{
	memcpy(ip->at, mapped, sizeof mapped);
	return inet_pton(AF_INET, text, ip->at + IP4_AT) == 1 || inet_pton(AF_INET6, text, ip->at) == 1;
}

bool network_read_ip(struct slice text, struct ip *ip)
{
	char copy[NETWORK_TEXT], *end;

	if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, '\0', text.len))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (parse(copy, ip))
		return true;
	if (*copy == '[') { /* [address], with or without :port */
		end = strchr(copy, ']');
		if (!end)
			return false;
		*end = '\0';
		return (!end[1] || end[1] == ':') && inet_pton(AF_INET6, copy + 1, ip->at) == 1;
	}
	end = strchr(copy, ':'); /* a.b.c.d:port, as some proxies have it */
	if (!end || strchr(end + 1, ':'))
		return false;
	*end = '\0';
	return parse(copy, ip);
}

static bool has(const struct network *network, const struct ip *ip)
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;

	return memcmp(network->ip.at, ip->at, bytes) == 0 &&
	       (!rest || (network->ip.at[bytes] ^ ip->at[bytes]) >> (8 - rest) == 0);
}

bool network_add_proxy(struct proxies *proxies, struct slice text)
{
	struct network *network = &proxies->at[proxies->count];
	struct slice address = slice_cut(&text, '/');
	int64_t bits = 128;

	if (slice_is(address, "unix") && !text.at) {
		proxies->local = true;
		return true;
	}
	if (proxies->count == NETWORK_PROXIES_MAX || !network_read_ip(address, &network->ip))
		return false;
	if (text.at) {
		bits = slice_number(text, is_ip4(&network->ip) ? 32 : 128);
		if (bits < 0)
			return false;
		if (is_ip4(&network->ip))
			bits += IP4_BITS;
	}
	network->bits = (unsigned)bits;
	proxies->count++;
	return true;
}

enum whereabouts network_of_peer(const struct sockaddr_storage *peer, struct ip *ip)
{
	static const struct network loopback4 = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, IP4_BITS + 8};
	static const struct network loopback6 = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128};

	memset(ip, 0, sizeof *ip);
	if (peer->ss_family == AF_INET) {
		memcpy(ip->at, mapped, sizeof mapped);
		memcpy(ip->at + IP4_AT, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	} else if (peer->ss_family == AF_INET6) {
		memcpy(ip->at, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, sizeof ip->at);
	} else {
		return WHERE_LOCAL;
	}
	return has(&loopback4, ip) || has(&loopback6, ip) ? WHERE_LOOPBACK : WHERE_ADDRESS;
}

bool network_is_trusted(const struct proxies *proxies, enum whereabouts where, const struct ip *ip)
{
	if (where == WHERE_LOCAL)
		return proxies->local;
	for (size_t i = 0; i < proxies->count; i++)
		if (has(&proxies->at[i], ip))
			return true;
	return false;
}

int network_forwarded(const struct proxies *proxies, struct slice value, struct ip *ip)
{
	while (value.len > 0) {
		size_t from = value.len;

		while (from > 0 && value.at[from - 1] != ',')
			from--;
		if (!network_read_ip(slice_trim((struct slice){value.at + from, value.len - from}), ip))
			return -1;
		if (!network_is_trusted(proxies, WHERE_ADDRESS, ip))
			return 1;
		value.len = from ? from - 1 : 0;
	}
	return 0;
}

struct ip network_counted(struct ip ip)
{
	if (!is_ip4(&ip))
		memset(ip.at + 8, 0, 8);
	return ip;
}

const char *network_text(struct ip ip, char out[NETWORK_TEXT])
{
	const void *at = is_ip4(&ip) ? ip.at + IP4_AT : ip.at;

	return inet_ntop(is_ip4(&ip) ? AF_INET : AF_INET6, at, out, NETWORK_TEXT) ? out : "?";
}
