/* SPDX-License-Identifier: Apache-2.0 */
/* The vCard of a room and its avatar: XEP-0054, XEP-0153, XEP-0486; options vcard and vcard_xupdate. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/codec.h"
#include "modules/mod_muc/feature.h"
#include "stanzad/form.h"

#define NS_VCARD "vcard-temp"
#define NS_UPDATE "vcard-temp:x:update"
#define VCARD_MAX 131072 /* bytes, serialised */

/* The avatar is none of the vCard: what other servers write for pictures that are elsewhere. */
#define HASH_EXTERNAL "external"

/* --- the hash ------------------------------------------------------------------------------------------- */

/* Decoded, without the white space that XEP-0054 has in it. < 0: it is no base64. */
static int decode(const struct xml *binval, struct strbuf *out)
{
	struct strbuf joined = {0}, packed = {0};
	struct str text = xml_text(binval, &joined);
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n", text.ptr[i]))
			strbuf_char(&packed, text.ptr[i]);
	int rc = base64_decode(out, strbuf_view(&packed));
	strbuf_fini(&packed);
	strbuf_fini(&joined);
	return rc;
}

/* Appends the hash of the photo, or nothing when there is none. < 0: it is malformed. */
static int hash_photo(const struct xml *vcard, struct strbuf *out)
{
	const struct xml *photo = xml_child(vcard, "PHOTO", NULL);
	const struct xml *binval = photo ? xml_child(photo, "BINVAL", NULL) : NULL;
	struct strbuf bytes = {0};
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!binval)
		return 0;
	int rc = decode(binval, &bytes);
	if (rc == 0 && bytes.len && EVP_Digest(bytes.ptr, bytes.len, hash, &len, EVP_sha1(), NULL) == 1)
		hex_encode(out, hash, len);
	strbuf_fini(&bytes);
	return rc;
}

static struct xml_tree *read_vcard(const struct room *room)
{
	struct str text = room_word(&room->config.vcard);
	struct xml_tree *tree = text.len ? xml_parse(text, NS_CLIENT, &xml_limits_default, NULL, NULL) : NULL;
	if (tree && !xml_is(tree->root, "vCard", NS_VCARD))
		xml_tree_unref(&tree);
	return tree;
}

/* Empty: there is no avatar to tell of. */
static struct str avatar(const struct room *room)
{
	struct str hash = room_word(&room->config.vcard_xupdate);
	return str_is(hash, HASH_EXTERNAL) ? STR("") : hash;
}

/* --- who is told ---------------------------------------------------------------------------------------- */

static struct stanza *make_update(const struct room *room)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_open(&writer, "x", NS_UPDATE);
	xml_put_element(&writer, "photo", NULL, avatar(room));
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

static void on_entered(struct room *room, struct room_client *client)
{
	if (!avatar(room).len)
		return;
	struct stanza *update = make_update(room);
	if (update)
		route(&room->jid, &client->jid, update);
	stanza_unref(&update);
}

static void on_configured(struct room *room, const struct room_config *before)
{
	bool hash_given = !str_eq(room_word(&before->vcard_xupdate), room_word(&room->config.vcard_xupdate));
	if (!hash_given && !str_eq(room_word(&before->vcard), room_word(&room->config.vcard))) {
		struct xml_tree *tree = read_vcard(room);
		struct strbuf hash = {0};
		if (tree)
			hash_photo(tree->root, &hash);
		room_word_set(&room->config.vcard_xupdate, strbuf_view(&hash));
		strbuf_fini(&hash);
		xml_tree_unref(&tree);
	}
	if (str_eq(room_word(&before->vcard_xupdate), room_word(&room->config.vcard_xupdate)))
		return;
	struct stanza *update = make_update(room);
	if (update)
		room_broadcast(room, &room->jid, update, NULL, NULL);
	stanza_unref(&update);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static enum iq_verdict give(struct room *room, struct iq *iq)
{
	struct xml_tree *tree = read_vcard(room);
	if (!tree)
		return iq_refuse(iq, SE_item_not_found, "the room has no vCard");
	xml_put(iq->reply, tree->root);
	xml_tree_unref(&tree);
	return IQ_ANSWER;
}

/* A room that its owner has not configured yet stays so. */
static void store(struct room *room, const struct jid *by, struct str vcard)
{
	struct room_config config = {0};
	bool locked = room->locked;
	room_config_copy(&config, &room->config);
	room_word_set(&config.vcard, vcard);
	room_configure(room, &config, by);
	room->locked = locked;
	if (locked)
		room_counted(room);
	room_config_fini(&config);
}

static enum iq_verdict take(struct room *room, struct iq *iq)
{
	struct strbuf hash = {0};
	bool empty = !xml_first_element(iq->payload);
	if (room_privilege(room, iq->from) != ROOM_OWNER)
		return iq_refuse(iq, SE_forbidden, "only owners may set the vCard of a room");
	int rc = hash_photo(iq->payload, &hash);
	strbuf_fini(&hash);
	if (rc < 0)
		return iq_refuse(iq, SE_bad_request, "the photo is no base64");
	char *text = empty ? NULL : xml_to_string(iq->payload);
	bool fits = empty || strlen(text) <= VCARD_MAX;
	if (fits)
		store(room, iq->from, str_of(text));
	free(text);
	return fits ? IQ_ANSWER : iq_refuse(iq, SE_not_acceptable, "the vCard is too large");
}

static enum iq_verdict on_iq(struct room *room, struct iq *iq)
{
	return iq->type == IQ_GET ? give(room, iq) : take(room, iq);
}

/* --- XEP-0486 3.3 --------------------------------------------------------------------------------------- */

static void on_info(struct room *room, struct xml_writer *form)
{
	if (avatar(room).len)
		form_put1(form, "muc#roominfo_avatarhash", "text-multi", avatar(room));
}

static const struct room_iq iqs[] = {
    {.ns = NS_VCARD, .name = "vCard", .handler = on_iq, .announce = true},
    {0},
};

const struct room_feature room_feature_vcard = {
    .name = "vcard",
    .iqs = iqs,
    .entered = on_entered,
    .configured = on_configured,
    .info = on_info,
};
