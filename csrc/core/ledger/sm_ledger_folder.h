/* sm_ledger_folder: where the files of a ledger's pictures are, unless somebody
 * names a folder.
 *
 * Those of a ledger in a file are beside it, in "<file>.files": they are the
 * pictures. Those of a ledger on a server are copies of what its database has,
 * and so in the user's cache ($XDG_CACHE_HOME, else ~/.cache), in
 * "segmind/ledger-<hash>", one for each database: whoever empties that loses
 * nothing.
 */
#ifndef SM_LEDGER_FOLDER_H
#define SM_LEDGER_FOLDER_H

#include "sm_error.h"

/* The folder of the ledger `target`. Errors: SM_LEDGER when there is no cache,
 * SM_IO without memory. Ownership: the caller's. */
enum sm_code sm_ledger_folder_of(const char *target, char **folder,
                                 struct sm_error *e);

/* Makes a folder, and those that it is in, for their owner alone. Errors:
 * SM_IO. */
enum sm_code sm_ledger_folder_make(const char *folder, struct sm_error *e);

#endif
