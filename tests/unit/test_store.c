/* SPDX-License-Identifier: Apache-2.0 */
#include "test_store.h"
int main(void) { return tap_done(); }
