/* Connections and failures of each address: their bounds, and that nothing is remembered that need not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "../../peers.h"

enum { MOST = 3, THREADS = 4, ROUNDS = 20000 };

static const uint64_t key[2] = {1, 2};

static struct ip ip_of(uint32_t number)
{
	struct ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	for (int i = 0; i < 4; i++)
		ip.at[12 + i] = (unsigned char)(number >> (24 - 8 * i));
	return ip;
}

static int open_peers(void **state)
{
	*state = peers_open(MOST, 1000, key, NULL);
	return *state ? 0 : -1;
}

static int close_peers(void **state)
{
	peers_close(*state);
	return 0;
}

static void bounds_the_connections_of_an_address(void **state)
{
	struct peer *peer[MOST], *other;

	for (int i = 0; i < MOST; i++)
		assert_true(peers_enter(*state, ip_of(1), false, 0, &peer[i]));
	assert_false(peers_enter(*state, ip_of(1), false, 0, &other));
	assert_null(other);
	assert_true(peers_enter(*state, ip_of(2), false, 0, &other));
	peers_leave(*state, other, 0);
	assert_true(peers_enter(*state, ip_of(1), true, 0, &other)); /* publishers are not kept out, nor do they keep out */
	peers_leave(*state, peer[0], 0);
	assert_true(peers_enter(*state, ip_of(1), false, 0, &peer[0]));
	peers_leave(*state, other, 0);
	for (int i = 0; i < MOST; i++)
		peers_leave(*state, peer[i], 0);
	peers_leave(*state, NULL, 0);
}

static void notes_them_by_descriptor(void **state)
{
	struct peer *peer[MOST], *other;

	assert_null(peers_held(*state, 7));
	for (int i = 0; i < MOST; i++) { /* each gives the one before back */
		assert_true(peers_enter(*state, ip_of(1), false, 0, &peer[i]));
		peers_hold(*state, 7, peer[i], 0);
	}
	assert_ptr_equal(peers_held(*state, 7), peer[0]);
	for (int i = 1; i < MOST; i++)
		assert_true(peers_enter(*state, ip_of(1), false, 0, &peer[i]));
	assert_false(peers_enter(*state, ip_of(1), false, 0, &other));
	peers_hold(*state, 7, NULL, 0);
	assert_null(peers_held(*state, 7));
	assert_true(peers_enter(*state, ip_of(1), false, 0, &peer[0]));
	peers_hold(*state, 1 << 30, peer[0], 0); /* beyond the table: not counted */
	assert_null(peers_held(*state, 1 << 30));
	for (int i = 1; i < MOST; i++)
		peers_leave(*state, peer[i], 0);
}

static void counts_a_network_of_ipv6_as_one(void **state)
{
	struct ip ip = {{0x20, 1, 0x0d, 0xb8}};
	struct peer *peer[MOST], *other;

	for (int i = 0; i < MOST; i++) {
		ip.at[15] = (unsigned char)i;
		assert_true(peers_enter(*state, ip, false, 0, &peer[i]));
	}
	ip.at[8] = 1;
	assert_false(peers_enter(*state, ip, false, 0, &other));
	ip.at[7] = 1;
	assert_true(peers_enter(*state, ip, false, 0, &other));
	peers_leave(*state, other, 0);
	for (int i = 0; i < MOST; i++)
		peers_leave(*state, peer[i], 0);
}

static int fail_for(struct peers *peers, struct peer *peer, int64_t now)
{
	int failures = 0;

	while (failures < 10 * PEERS_FAILURES && peers_fail(peers, peer, now))
		failures++;
	return failures;
}

static void bounds_failures_also_over_connections(void **state)
{
	struct peer *peer;

	assert_true(peers_fail(*state, NULL, 0));
	for (int i = 0; i < PEERS_FAILURES; i++) {
		assert_true(peers_enter(*state, ip_of(1), false, 0, &peer));
		assert_true(peers_fail(*state, peer, 0));
		peers_leave(*state, peer, 0);
	}
	assert_true(peers_enter(*state, ip_of(2), false, 0, &peer));
	assert_true(peers_fail(*state, peer, 0)); /* another one's are not his */
	peers_leave(*state, peer, 0);
	assert_true(peers_enter(*state, ip_of(1), false, 0, &peer));
	assert_false(peers_fail(*state, peer, 0));
	assert_int_equal(fail_for(*state, peer, 10 * PEERS_FAILURE_MS), 10);
	assert_int_equal(fail_for(*state, peer, INT64_C(1000) * PEERS_FAILURES * PEERS_FAILURE_MS), PEERS_FAILURES);
	peers_leave(*state, peer, 0);
}

/* ASan's leak check would tell of what is forgotten; this, that what is remembered has an end. */
static void remembers_so_many_and_no_more(void **state)
{
	struct peer *peer;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < PEERS_IDLE_MAX + 100; i++) {
		assert_true(peers_enter(*state, ip_of(i), false, 0, &peer));
		for (int k = 0; k < PEERS_FAILURES; k++)
			assert_true(peers_fail(*state, peer, 0));
		peers_leave(*state, peer, 0);
	}
	for (uint32_t i = 0; i < PEERS_IDLE_MAX + 100; i++) {
		assert_true(peers_enter(*state, ip_of(i), false, 0, &peer));
		kept += !peers_fail(*state, peer, 0);
		peers_leave(*state, peer, 0);
	}
	assert_in_range(kept, PEERS_IDLE_MAX - 1, PEERS_IDLE_MAX);
}

static void *come_and_go(void *peers)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct peer *peer;

		if (!peers_enter(peers, ip_of(i % 7), false, i, &peer))
			continue;
		(void)peers_fail(peers, peer, i);
		peers_leave(peers, peer, i);
	}
	return NULL;
}

static void is_shared_by_threads(void **state)
{
	pthread_t thread[THREADS];
	struct peer *peer;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, *state), 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(thread[i], NULL);
	for (uint32_t i = 0; i < 7; i++) { /* nobody was left behind */
		for (int k = 0; k < MOST; k++)
			assert_true(peers_enter(*state, ip_of(i), false, 0, &peer));
		assert_false(peers_enter(*state, ip_of(i), false, 0, &peer));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bounds_the_connections_of_an_address, open_peers, close_peers),
		cmocka_unit_test_setup_teardown(notes_them_by_descriptor, open_peers, close_peers),
		cmocka_unit_test_setup_teardown(counts_a_network_of_ipv6_as_one, open_peers, close_peers),
		cmocka_unit_test_setup_teardown(bounds_failures_also_over_connections, open_peers, close_peers),
		cmocka_unit_test_setup_teardown(remembers_so_many_and_no_more, open_peers, close_peers),
		cmocka_unit_test_setup_teardown(is_shared_by_threads, open_peers, close_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
