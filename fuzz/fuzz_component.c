/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a component sends, from the first byte on; the first '%' stands for the handshake of one who knows the
 * password. Whatever comes: without the handshake nothing reaches anybody, and with it only in the name of
 * the component's own domain; the server goes on serving others.
 */
#include <openssl/sha.h>

#include "base/codec.h"
#include "fuzz.h"
#include "sim.h"
#include "xml/stream.h"

#define DOMAIN "irc.sim.example"
#define ROUNDS 200 /* on one server: what its clients were sent is kept until its end */
#define LISTENERS                                                                                            \
	"}, {port: 5275, module: ejabberd_service, max_stanza_size: 4096, hosts: {" DOMAIN ": {password: x}}"

static struct sim_client *alice;
static unsigned rounds;

static void begin(void)
{
	if (rounds++ % ROUNDS)
		return;
	if (alice)
		sim_stop();
	else
		atexit(sim_stop);
	sim_start(LISTENERS, "modules: {mod_disco: {}, mod_ping: {}, mod_roster: {}}\n");
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_settle();
	sim_skip(alice);
}

static void send_bytes(struct sim_client *client, const char *bytes, size_t len)
{
	/* What sim_send takes ends at the first NUL, which no stream gets past. */
	char *text = str_dup((struct str){bytes, len});
	sim_send(client, text);
	free(text);
}

static void send_handshake(struct sim_client *client)
{
	struct strbuf text = {0};
	unsigned char hash[20];
	struct str id = sim_has(client, " id='") ? sim_between(client, " id='", "'") : STR("none");

	strbuf_str(&text, id);
	strbuf_cstr(&text, "x");
	SHA1((const unsigned char *)text.ptr, text.len, hash);
	strbuf_reset(&text);
	hex_encode(&text, hash, sizeof(hash));
	sim_sendf(client, "<handshake>%.*s</handshake>", STR_FMT(strbuf_view(&text)));
	strbuf_fini(&text);
}

static void check_sender(const struct xml *stanza)
{
	struct arena arena = {0};
	struct jid from;
	struct err err;
	fuzz_check(jid_parse(xml_attr(stanza, "from"), &arena, &from, &err) == 0);
	fuzz_check(str_is(jid_domain(&from), DOMAIN));
	arena_fini(&arena);
}

/* Every stanza is well-formed, and from the domain, or from a user or resource of it. */
static void check_senders(void)
{
	struct xml_stream *stream = xml_stream_new(XNS_CLIENT, &xml_limits_default);
	struct xml_tree *tree;
	const char *next = SIM_HEADER;
	fuzz_check(xml_stream_next(stream, &next, next + strlen(next), 0, &tree) == XML_STREAM_OPENED);
	xml_tree_unref(&tree);
	struct str came = sim_unread(alice);
	next = came.ptr;
	while (next < came.ptr + came.len) {
		int result = xml_stream_next(stream, &next, came.ptr + came.len, 0, &tree);
		fuzz_check(result == XML_STREAM_ELEMENT);
		check_sender(tree->root);
		xml_tree_unref(&tree);
	}
	xml_stream_free(&stream);
	sim_skip(alice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *mark = len ? memchr(text, '%', len) : NULL;
	size_t first = mark ? (size_t)(mark - text) : len;

	begin();
	struct sim_client *component = sim_client_at(1);
	send_bytes(component, text, first);
	fuzz_check(sim_nothing(alice));
	if (mark) {
		send_handshake(component);
		send_bytes(component, mark + 1, len - first - 1);
		sim_settle();
		check_senders();
	}
	sim_cut(component);
	sim_send(alice, "<iq type='get' id='1' to='sim.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	fuzz_check(sim_expect(alice, "type='result' id='1'"));
	sim_skip(alice);
	return 0;
}
