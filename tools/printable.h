/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that somebody else chose (a task's name, a module's symbols, a trace):
 * no terminal obeys what this let through, and JSON can hold it.
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

/*
 * Each control character, each character that turns the direction of writing,
 * and each byte that is no UTF-8 becomes '?', in place. Returns text.
 */
char *printable(char *text);

#endif
