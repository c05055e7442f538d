/* Addresses, networks of proxies, and whom X-Forwarded-For names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "../../network.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const char *read_text(const char *text)
{
	static char out[NETWORK_TEXT];
	struct ip ip;

	return network_read_ip(slice_of(text), &ip) ? network_text(ip, out) : "none";
}

static void reads_addresses(void **state)
{
	static const char *const forms[][2] = {
		{"192.0.2.1", "192.0.2.1"}, {"192.0.2.1:8080", "192.0.2.1"}, {"::ffff:192.0.2.1", "192.0.2.1"},
		{"2001:db8::1", "2001:db8::1"}, {"[2001:db8::1]", "2001:db8::1"}, {"[2001:db8::1]:443", "2001:db8::1"},
		{"", "none"}, {"unknown", "none"}, {"_hidden", "none"}, {"192.0.2", "none"}, {"192.0.2.256", "none"},
		{"192.0.2.1 ", "none"}, {"[192.0.2.1]", "none"}, {"[2001:db8::1", "none"}, {"[2001:db8::1]x", "none"},
		{"2001:db8::1%eth0", "none"}, {"for=192.0.2.1", "none"}, {"\"192.0.2.1\"", "none"},
		{"00000000000000000000000000000000000000000000000000000000000000001", "none"},
	};
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++)
		assert_string_equal(read_text(forms[i][0]), forms[i][1]);
	assert_false(network_read_ip((struct slice){"192.0.2.1\0", 10}, &ip));
}

static struct proxies proxies_of(const char *const *text, size_t count)
{
	struct proxies proxies = {.count = 0};

	for (size_t i = 0; i < count; i++)
		assert_true(network_add_proxy(&proxies, slice_of(text[i])));
	return proxies;
}

static bool trusts(const struct proxies *proxies, const char *text)
{
	struct ip ip;

	assert_true(network_read_ip(slice_of(text), &ip));
	return network_is_trusted(proxies, WHERE_ADDRESS, &ip);
}

static void knows_networks(void **state)
{
	static const char *const list[] = {"127.0.0.1", "10.0.0.0/8", "192.0.2.128/25", "2001:db8::/33"};
	static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "example.org", "", "unix/8", "/8"};
	struct proxies proxies = proxies_of(list, COUNT(list)), all = proxies_of((const char *const[]){"0.0.0.0/0"}, 1);

	(void)state;
	assert_true(trusts(&proxies, "127.0.0.1"));
	assert_false(trusts(&proxies, "127.0.0.2"));
	assert_true(trusts(&proxies, "10.255.0.1"));
	assert_false(trusts(&proxies, "11.0.0.0"));
	assert_true(trusts(&proxies, "192.0.2.128"));
	assert_false(trusts(&proxies, "192.0.2.127"));
	assert_true(trusts(&proxies, "2001:db8:7fff::1"));
	assert_false(trusts(&proxies, "2001:db8:8000::1"));
	assert_true(trusts(&all, "203.0.113.9"));
	assert_false(trusts(&all, "::1"));
	assert_false(network_is_trusted(&proxies, WHERE_LOCAL, NULL));
	assert_true(network_add_proxy(&proxies, slice_of("unix")));
	assert_true(network_is_trusted(&proxies, WHERE_LOCAL, NULL));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(network_add_proxy(&proxies, slice_of(wrong[i])));
	while (proxies.count < NETWORK_PROXIES_MAX)
		assert_true(network_add_proxy(&proxies, slice_of("10.0.0.1")));
	assert_false(network_add_proxy(&proxies, slice_of("10.0.0.1")));
}

/* What a line says, behind proxies of 10.0.0.0/8. */
static void finds_the_client(void **state)
{
	static const char *const list[] = {"10.0.0.0/8"};
	static const struct {
		const char *line, *client;
	} lines[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"203.0.113.9, 192.0.2.1", "192.0.2.1"}, /* what a client says of itself stands on the left */
		{"203.0.113.9,192.0.2.1, 10.0.0.1 ,10.0.0.2", "192.0.2.1"},
		{"203.0.113.9, 10.0.0.1:99", "203.0.113.9"},
		{"2001:db8::1, [2001:db8::2]:80", "2001:db8::2"},
		{"10.0.0.1, 10.0.0.2", "proxies"},
		{"", "proxies"},
		{"192.0.2.1, unknown", "nothing"},
		{"192.0.2.1,", "nothing"},
		{"192.0.2.1, ,10.0.0.1", "nothing"},
		{"rubbish", "nothing"},
	};
	struct proxies proxies = proxies_of(list, COUNT(list));
	char text[NETWORK_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct ip ip;
		int found = network_forwarded(&proxies, slice_of(lines[i].line), &ip);

		assert_string_equal(found > 0 ? network_text(ip, text) : found ? "nothing" : "proxies", lines[i].client);
	}
}

static void knows_peers(void **state)
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_in *ip4 = (struct sockaddr_in *)(void *)&peer;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)(void *)&peer;
	char text[NETWORK_TEXT];
	struct ip ip;

	(void)state;
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_LOCAL);
	peer.ss_family = AF_INET;
	(void)inet_pton(AF_INET, "127.8.9.1", &ip4->sin_addr);
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_LOOPBACK);
	(void)inet_pton(AF_INET, "192.0.2.1", &ip4->sin_addr);
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_ADDRESS);
	assert_string_equal(network_text(network_counted(ip), text), "192.0.2.1");
	peer = (struct sockaddr_storage){.ss_family = AF_INET6};
	(void)inet_pton(AF_INET6, "::1", &ip6->sin6_addr);
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_LOOPBACK);
	(void)inet_pton(AF_INET6, "::ffff:127.0.0.1", &ip6->sin6_addr);
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_LOOPBACK);
	(void)inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", &ip6->sin6_addr);
	assert_int_equal(network_of_peer(&peer, &ip), WHERE_ADDRESS);
	assert_string_equal(network_text(network_counted(ip), text), "2001:db8:1:2::");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses), cmocka_unit_test(knows_networks), cmocka_unit_test(finds_the_client),
		cmocka_unit_test(knows_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
