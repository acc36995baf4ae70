/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include <poll.h>

#include "auth/sasl.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "loop/executor.h"
#include "loop/worker.h"
#include "test_store.h"

static const char configuration[] =
    "hosts: [scram.example, plain.example, guests.example, both.example, types.example, none.example]\n"
    "auth_password_format: scram\n"
    "auth_scram_hash: sha256\n"
    "host_config:\n"
    "  plain.example: {auth_password_format: plain}\n"
    "  guests.example: {auth_method: anonymous}\n"
    "  both.example: {auth_method: [anonymous, internal, sql], anonymous_protocol: both}\n"
    "  types.example:\n"
    "    auth_stored_password_types: [plain, scram_sha1, scram_sha512]\n"
    "    auth_password_types_hidden_in_sasl1: [scram_sha512]\n"
    "  none.example: {auth_method: [ldap]}\n";

static const struct str scram = STR("scram.example"), plain = STR("plain.example"),
			guests = STR("guests.example"), both = STR("both.example"),
			types = STR("types.example"), none = STR("none.example");
static struct err err;

static void install(const char *text)
{
	struct conf_report report;
	struct conf *conf = NULL, *previous;

	if (conf_load_text(str_of(text), "test", &conf, &report) < 0) {
		for (size_t i = 0; i < report.count; i++)
			printf("# %s:%u: %s\n", report.problems[i].file, report.problems[i].line,
			    report.problems[i].text);
		abort();
	}
	conf_report_fini(&report);
	previous = conf_install(conf);
	conf_unref(&previous);
}

static void begin(void)
{
	install(configuration);
	fresh_dir();
	if (store_open(conf_current(), test_dir, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
}

/* From now on this thread is a worker, which must not call what blocks. */
static void become_worker(void)
{
	if (auth_register(scram, STR("erin"), STR("secret"), &err) != AUTH_OK ||
	    auth_register(plain, STR("erin"), STR("secret"), &err) != AUTH_OK || workers_init(1, &err) < 0 ||
	    executor_init(2, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void end(void)
{
	struct conf *conf;

	executor_fini();
	store_close();
	workers_fini();
	remove_dir();
	conf = conf_install(NULL);
	conf_unref(&conf);
}

/* Methods
 * -------------------------------------------------------------------------------------------------------- */

static void methods_are(struct str host, bool plain_check, const char *hashes, bool anonymous, bool registers)
{
	struct auth_methods methods;

	auth_methods(host, &methods);
	is_int(methods.plain_check, plain_check);
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		is_int(methods.scram[hash], hashes[hash] == 'x');
	is_int(methods.anonymous, anonymous);
	is_int(methods.registers, registers);
	is_int(methods.set_password, registers);
}

static void test_methods(void)
{
	methods_are(scram, true, "-x-", false, true);
	methods_are(plain, true, "xxx", false, true);
	methods_are(guests, false, "---", true, false);
	methods_are(both, true, "-x-", true, true);
	methods_are(types, true, "xx-", false, true);
	methods_are(none, false, "---", false, false);
}

/* Accounts
 * ------------------------------------------------------------------------------------------------------- */

static bool next_is(struct str user, void *arg)
{
	const char ***want = arg;

	is_text(user, **want);
	return *++*want != NULL;
}

static void test_accounts(void)
{
	static const char *names[] = {"alice", "bob",
	    "z\xc3\xa9"
	    "bra",
	    NULL};
	const char **want = names;
	struct auth_credentials credentials;

	is_int(auth_register(scram, STR("bob"), STR("secret"), &err), AUTH_OK);
	is_int(auth_register(scram,
		   STR("z\xc3\xa9"
		       "bra"),
		   STR("secret"), &err),
	    AUTH_OK);
	is_int(auth_register(scram, STR("alice"), STR("secret"), &err), AUTH_OK);
	is_int(auth_register(scram, STR("alice"), STR("other"), &err), AUTH_EXISTS);
	ok(strstr(err.text, "alice@scram.example") != NULL);
	is_int(auth_count(scram, &err), 3);
	is_int(auth_count(plain, &err), 0);
	is_int(auth_count(guests, &err), 0);
	is_int(auth_list(scram, STR_NULL, next_is, &want, &err), 0);
	ok(*want == NULL);
	is_int(auth_user_exists(scram, STR("alice"), &err), AUTH_OK);
	is_int(auth_user_exists(plain, STR("alice"), &err), AUTH_NO_USER);
	is_int(auth_check_password(scram, STR("alice"), STR("secret"), &err), AUTH_OK);
	is_int(auth_check_password(scram, STR("alice"), STR("Secret"), &err), AUTH_DENIED);
	is_int(auth_check_password(scram, STR("alice"), STR(""), &err), AUTH_DENIED);
	is_int(auth_check_password(scram, STR("alice"), STR("a\nb"), &err), AUTH_DENIED);
	is_int(auth_check_password(scram, STR("carol"), STR("secret"), &err), AUTH_NO_USER);
	is_int(auth_set_password(scram, STR("alice"), STR("n\xc3\xa9w"), &err), AUTH_OK);
	is_int(auth_check_password(scram, STR("alice"), STR("ne\xcc\x81w"), &err), AUTH_OK);
	is_int(auth_set_password(scram, STR("carol"), STR("new"), &err), AUTH_NO_USER);
	is_int(auth_get_credentials(scram, STR("alice"), &credentials, &err), AUTH_OK);
	ok(!credentials.plain && credentials.scram[AUTH_SHA256].present &&
	    !credentials.scram[AUTH_SHA1].present);
	auth_credentials_fini(&credentials);
	is_int(auth_get_credentials(scram, STR("carol"), &credentials, &err), AUTH_NO_USER);
	ok(!credentials.plain && !credentials.scram[AUTH_SHA256].present);
	is_int(auth_remove(scram, STR("bob"), &err), AUTH_OK);
	is_int(auth_remove(scram, STR("bob"), &err), AUTH_NO_USER);
	is_int(auth_count(scram, &err), 2);
}

static void test_refused_names_and_passwords(void)
{
	static const char *const names[] = {"", "Alice", "a b", "a@b", "a/b", "\xff", "a\n"};
	char longest[AUTH_PASSWORD_MAX + 2];

	memset(longest, 'p', sizeof(longest));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is_int(auth_register(plain, str_of(names[i]), STR("secret"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_register(plain, STR("dave"), STR(""), &err), AUTH_NOT_ALLOWED);
	is_int(auth_register(plain, STR("dave"),
		   STR("a\x01"
		       "b"),
		   &err),
	    AUTH_NOT_ALLOWED);
	is_int(auth_register(plain, STR("dave"), STR("a\xff"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_register(plain, STR("dave"), STR("a\0b"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_register(plain, STR("dave"), (struct str){longest, AUTH_PASSWORD_MAX + 1}, &err),
	    AUTH_NOT_ALLOWED);
	is_int(auth_count(plain, &err), 0);
	is_int(auth_register(plain, STR("dave"), (struct str){longest, AUTH_PASSWORD_MAX}, &err), AUTH_OK);
	is_int(auth_set_password(plain, STR("dave"), STR(""), &err), AUTH_NOT_ALLOWED);
	is_int(auth_set_password(plain, STR("dave"), (struct str){longest, AUTH_PASSWORD_MAX + 1}, &err),
	    AUTH_NOT_ALLOWED);
	is_int(
	    auth_check_password(plain, STR("dave"), (struct str){longest, AUTH_PASSWORD_MAX}, &err), AUTH_OK);
	is_int(auth_remove(plain, STR("dave"), &err), AUTH_OK);
}

static void test_hosts_without_accounts(void)
{
	is_int(auth_register(guests, STR("alice"), STR("secret"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_set_password(guests, STR("alice"), STR("secret"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_remove(guests, STR("alice"), &err), AUTH_NOT_ALLOWED);
	is_int(auth_user_exists(guests, STR("alice"), &err), AUTH_NO_USER);
	is_int(auth_check_password(guests, STR("alice"), STR("secret"), &err), AUTH_NO_USER);
	is_int(auth_check_password(none, STR("alice"), STR("secret"), &err), AUTH_NOT_ALLOWED);
	ok(strstr(err.text, "none.example") != NULL);
}

/* With anonymous log-in a free name takes any password, and a registered one only its own. */
static void test_guests_and_accounts(void)
{
	is_int(auth_register(both, STR("alice"), STR("secret"), &err), AUTH_OK);
	is_int(auth_check_password(both, STR("alice"), STR("secret"), &err), AUTH_OK);
	is_int(auth_check_password(both, STR("alice"), STR("other"), &err), AUTH_DENIED);
	is_int(auth_check_password(both, STR("guest"), STR("other"), &err), AUTH_OK);
	is_int(auth_user_exists(both, STR("guest"), &err), AUTH_NO_USER);
}

/* Requests
 * ------------------------------------------------------------------------------------------------------- */

static int finished;

static void count_done(struct auth_request *request)
{
	finished++;
}

static void wait_for(int count)
{
	uint64_t deadline = clock_mono_ms() + 20000;

	while (finished < count && clock_mono_ms() < deadline)
		if (!worker_turn())
			poll(NULL, 0, 1);
	is_int(finished, count);
}

static struct auth_request ask(
    int kind, struct str host, const char *user, enum auth_hash hash, const char *password)
{
	struct auth_request request = {.host = host,
	    .user = str_of(user),
	    .password = str_of(password),
	    .hash = hash,
	    .kind = kind,
	    .done = count_done};

	finished = 0;
	auth_submit(&request);
	is_int(finished, 0);
	wait_for(1);
	return request;
}

static void test_requests(void)
{
	struct auth_request request;

	is_int(ask(AUTH_USER_EXISTS, scram, "erin", 0, "").outcome, AUTH_OK);
	is_int(ask(AUTH_USER_EXISTS, scram, "nobody", 0, "").outcome, AUTH_NO_USER);
	is_int(ask(AUTH_CHECK_PASSWORD, scram, "erin", 0, "secret").outcome, AUTH_OK);
	is_int(ask(AUTH_CHECK_PASSWORD, scram, "erin", 0, "other").outcome, AUTH_DENIED);
	is_int(ask(AUTH_CHECK_PASSWORD, scram, "nobody", 0, "secret").outcome, AUTH_NO_USER);
	request = ask(AUTH_GET_CREDENTIALS, scram, "erin", AUTH_SHA256, "");
	is_int(request.outcome, AUTH_OK);
	ok(request.credentials.scram[AUTH_SHA256].present);
	auth_credentials_fini(&request.credentials);
	/* Only what is stored can serve. */
	request = ask(AUTH_GET_CREDENTIALS, scram, "erin", AUTH_SHA1, "");
	is_int(request.outcome, AUTH_OK);
	ok(!request.credentials.scram[AUTH_SHA1].present);
	auth_credentials_fini(&request.credentials);
	request = ask(AUTH_GET_CREDENTIALS, scram, "nobody", AUTH_SHA256, "");
	is_int(request.outcome, AUTH_NO_USER);
	ok(!request.credentials.scram[AUTH_SHA256].present);
	store_fail_at(1);
	request = ask(AUTH_GET_CREDENTIALS, scram, "erin", AUTH_SHA256, "");
	store_fail_at(0);
	is_int(request.outcome, AUTH_UNAVAILABLE);
	ok(request.err.text[0] != '\0');
}

/* Keys of any hash come from a plain password, with a salt that stays and that an unknown name would get,
 * too. */
static void test_derived_keys(void)
{
	struct auth_request request;
	unsigned char salt[SCRAM_SALT_LEN];

	for (unsigned hash = 0; hash < AUTH_HASHES; hash++) {
		request = ask(AUTH_GET_CREDENTIALS, plain, "erin", hash, "");
		is_int(request.outcome, AUTH_OK);
		for (unsigned other = 0; other < AUTH_HASHES; other++)
			ok(request.credentials.scram[other].present == (other == hash));
		ok(scram_keys_match(&request.credentials.scram[hash], hash, STR("secret")));
		scram_salt_for(plain, STR("erin"), hash, salt);
		ok(memcmp(salt, request.credentials.scram[hash].salt, sizeof(salt)) == 0);
		is_int(request.credentials.scram[hash].iterations, SCRAM_ITERATIONS);
		auth_credentials_fini(&request.credentials);
	}
	request = ask(AUTH_GET_CREDENTIALS, plain, "erin", AUTH_HASHES, "");
	is_cstr(request.credentials.plain, "secret");
	ok(!request.credentials.scram[AUTH_SHA1].present);
	auth_credentials_fini(&request.credentials);
	is_int(ask(AUTH_GET_CREDENTIALS, plain, "nobody", AUTH_SHA1, "").outcome, AUTH_NO_USER);
}

static void test_many_requests(void)
{
	enum { COUNT = 40 };
	static struct auth_request requests[COUNT];
	static char names[COUNT][8];
	int right = 0;

	finished = 0;
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "%s", i % 2 ? "erin" : "nobody");
		requests[i] = (struct auth_request){.host = scram,
		    .user = str_of(names[i]),
		    .password = STR("secret"),
		    .kind = AUTH_CHECK_PASSWORD,
		    .done = count_done};
		auth_submit(&requests[i]);
	}
	wait_for(COUNT);
	for (int i = 0; i < COUNT; i++)
		right += requests[i].outcome == (i % 2 ? AUTH_OK : AUTH_NO_USER);
	is_int(right, COUNT);
}

/* A whole exchange, as a stream drives it. */
static void test_with_sasl(void)
{
	struct auth_methods methods;
	struct sasl_context context = {.host = plain, .tls = true, .methods = &methods};
	struct strbuf output = {0};
	struct auth_request request;
	struct sasl *sasl;

	auth_methods(plain, &methods);
	sasl = sasl_new(STR("PLAIN"), &context);
	is_int(sasl_step(sasl, STR("\0erin\0secret"), true, &output), SASL_WANT_PASSWORD);
	request = (struct auth_request){.host = plain,
	    .user = sasl_user(sasl),
	    .password = sasl_password(sasl),
	    .kind = AUTH_CHECK_PASSWORD,
	    .done = count_done};
	finished = 0;
	auth_submit(&request);
	wait_for(1);
	is_int(sasl_password_checked(sasl, request.outcome, &output), SASL_SUCCESS);
	sasl_free(&sasl);
	sasl = sasl_new(STR("SCRAM-SHA-512"), &context);
	is_int(sasl_step(sasl, STR("n,,n=erin,r=x"), true, &output), SASL_WANT_CREDENTIALS);
	request = ask(AUTH_GET_CREDENTIALS, plain, "erin", sasl_hash(sasl), "");
	is_int(sasl_credentials(sasl, &request.credentials, false, &output), SASL_CHALLENGE);
	auth_credentials_fini(&request.credentials);
	sasl_free(&sasl);
	strbuf_fini(&output);
}

/* A request goes by the configuration in force when it was made; the next one by the new. */
static void test_reload(void)
{
	struct auth_methods methods;

	install("hosts: [scram.example]\nauth_method: anonymous\n");
	auth_methods(scram, &methods);
	ok(methods.anonymous && !methods.plain_check);
	is_int(ask(AUTH_USER_EXISTS, scram, "erin", 0, "").outcome, AUTH_NO_USER);
	install(configuration);
	is_int(ask(AUTH_USER_EXISTS, scram, "erin", 0, "").outcome, AUTH_OK);
}

int main(void)
{
	begin();
	run(test_methods);
	run(test_accounts);
	run(test_refused_names_and_passwords);
	run(test_hosts_without_accounts);
	run(test_guests_and_accounts);
	become_worker();
	run(test_requests);
	run(test_derived_keys);
	run(test_many_requests);
	run(test_with_sasl);
	run(test_reload);
	end();
	return tap_done();
}
