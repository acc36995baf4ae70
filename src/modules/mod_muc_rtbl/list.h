/* SPDX-License-Identifier: Apache-2.0 */
/* A list of people and domains, known by their SHA-256 alone. Any thread. */
#pragma once

#include "stanzad/jid.h"

#define RTBL_LIST_MAX 500000 /* entries; more are not taken */

struct rtbl_list;

struct rtbl_list *rtbl_list_new(void);
void rtbl_list_free(struct rtbl_list **list);
/* hex: 64 hexadecimal digits. True: it was not there. */
bool rtbl_list_add(struct rtbl_list *list, struct str hex);
/* False: it was not there. */
bool rtbl_list_remove(struct rtbl_list *list, struct str hex);
void rtbl_list_clear(struct rtbl_list *list);
size_t rtbl_list_count(struct rtbl_list *list);
/* Between both calls the whole list is added anew; what was not is gone with the second one. */
void rtbl_list_begin(struct rtbl_list *list);
void rtbl_list_end(struct rtbl_list *list);
/* The bare JID is in it, or its domain. */
bool rtbl_list_has(struct rtbl_list *list, const struct jid *jid);
