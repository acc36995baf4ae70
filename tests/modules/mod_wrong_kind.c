/* SPDX-License-Identifier: Apache-2.0 */
/* Its symbol is a function. */
extern void mod_wrong_kind(void);
void mod_wrong_kind(void)
{
}
