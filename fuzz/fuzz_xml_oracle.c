/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_xml_oracle.h"

#include <expat.h>

#include "fuzz.h"

/* No character of XML, so that no namespace name contains it. */
#define SEPARATOR '\1'

struct run {
	struct oracle *oracle;
	XML_Parser parser;
	struct strbuf text; /* not yet dumped */
	size_t complete;    /* of oracle->stanzas */
	unsigned depth;
};

static void dump_line(struct strbuf *out, char what, struct str ns, struct str name, struct str value)
{
	strbuf_char(out, what);
	strbuf_char(out, '{');
	strbuf_str(out, ns);
	strbuf_char(out, '}');
	strbuf_str(out, name);
	strbuf_char(out, '\1');
	strbuf_str(out, value);
	strbuf_char(out, '\n');
}

static void dump_expat_name(struct strbuf *out, char what, const char *name, const char *value)
{
	struct str local, ns = str_cut(str_of(name), SEPARATOR, &local);

	if (!strchr(name, SEPARATOR)) {
		local = ns;
		ns = STR_NULL;
	}
	dump_line(out, what, ns, local, str_of(value));
}

static void flush_text(struct run *run)
{
	struct oracle *oracle = run->oracle;

	if (!run->text.len)
		return;
	dump_line(&oracle->whole, 'T', STR_NULL, STR_NULL, strbuf_view(&run->text));
	if (run->depth > 1)
		dump_line(&oracle->stanzas, 'T', STR_NULL, STR_NULL, strbuf_view(&run->text));
	strbuf_reset(&run->text);
}

static void on_start(void *arg, const char *name, const char **attrs)
{
	struct run *run = arg;
	struct strbuf *outs[] = {&run->oracle->whole, &run->oracle->stanzas};

	flush_text(run);
	for (size_t i = 0; i < 2; i++) {
		dump_expat_name(outs[i], 'E', name, "");
		for (const char **attr = attrs; *attr; attr += 2)
			dump_expat_name(outs[i], 'A', attr[0], attr[1]);
	}
	if (++run->depth == 1)
		run->complete = run->oracle->stanzas.len;
}

static void on_end(void *arg, const char *name)
{
	struct run *run = arg;

	flush_text(run);
	strbuf_cstr(&run->oracle->whole, "/\n");
	if (--run->depth > 0)
		strbuf_cstr(&run->oracle->stanzas, "/\n");
	if (run->depth == 1)
		run->complete = run->oracle->stanzas.len;
	run->oracle->root_ended |= run->depth == 0;
}

static void on_text(void *arg, const char *text, int len)
{
	struct run *run = arg;

	strbuf_add(&run->text, text, (size_t)len);
}

static void restricted(struct run *run)
{
	if (!run->oracle->root_ended)
		run->oracle->restricted = true;
}

static void on_comment(void *arg, const char *text)
{
	restricted(arg);
}

static void on_instruction(void *arg, const char *target, const char *text)
{
	restricted(arg);
}

static void on_doctype(
    void *arg, const char *name, const char *system_id, const char *public_id, int has_subset)
{
	restricted(arg);
	/* What a DTD would change in the rest is of no interest. */
	XML_StopParser(((struct run *)arg)->parser, XML_FALSE);
}

static void on_declaration(void *arg, const char *version, const char *encoding, int standalone)
{
	struct run *run = arg;

	run->oracle->declared = true;
	run->oracle->odd_declaration = !version || strcmp(version, "1.0") != 0;
}

void oracle_run(struct oracle *oracle, struct str bytes)
{
	struct run run = {.oracle = oracle, .parser = XML_ParserCreateNS("UTF-8", SEPARATOR)};

	*oracle = (struct oracle){0};
	XML_SetUserData(run.parser, &run);
	XML_SetElementHandler(run.parser, on_start, on_end);
	XML_SetCharacterDataHandler(run.parser, on_text);
	XML_SetCommentHandler(run.parser, on_comment);
	XML_SetProcessingInstructionHandler(run.parser, on_instruction);
	XML_SetStartDoctypeDeclHandler(run.parser, on_doctype);
	XML_SetXmlDeclHandler(run.parser, on_declaration);
	oracle->well_formed = XML_Parse(run.parser, bytes.ptr, (int)bytes.len, 1) == XML_STATUS_OK;
	oracle->stanzas.len = run.complete;
	strbuf_fini(&run.text);
	XML_ParserFree(run.parser);
}

void oracle_fini(struct oracle *oracle)
{
	strbuf_fini(&oracle->whole);
	strbuf_fini(&oracle->stanzas);
}

void dump_start(struct strbuf *out, const struct xml *elem)
{
	dump_line(out, 'E', elem->ns, elem->name, STR_NULL);
	for (unsigned i = 0; i < elem->attr_count; i++)
		dump_line(out, 'A', elem->attrs[i].ns, elem->attrs[i].name, elem->attrs[i].value);
}

static const struct xml *dump_step(struct strbuf *out, const struct xml *node, const struct xml *stop)
{
	if (node->kind == XML_TEXT)
		dump_line(out, 'T', STR_NULL, STR_NULL, node->name);
	else
		dump_start(out, node);
	if (node->children)
		return node->children;
	for (;;) {
		if (node->kind == XML_ELEMENT)
			strbuf_cstr(out, "/\n");
		if (node->next)
			return node->next;
		node = node->parent;
		if (node == stop)
			return NULL;
	}
}

void dump_children(struct strbuf *out, const struct xml *elem)
{
	for (const struct xml *node = elem->children; node;)
		node = dump_step(out, node, elem);
}

void dump_tree(struct strbuf *out, const struct xml *root)
{
	dump_start(out, root);
	dump_children(out, root);
	strbuf_cstr(out, "/\n");
}
