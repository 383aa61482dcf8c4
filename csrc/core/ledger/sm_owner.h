/* sm_owner: who this process is, in words that another one can check.
 *
 * What a process has claimed on disk is free again when it has died. A pid
 * alone does not tell: it is given again, and means something else in another
 * container or on another machine. So a process is named by the boot of its
 * machine, its pid namespace, its pid and the moment it began.
 */
#ifndef SM_OWNER_H
#define SM_OWNER_H

#include <stdbool.h>

#define SM_OWNER_NAME 128

/* Writes "boot:namespace:pid:start"; "" and 0 for what the system does not
 * tell. `name` holds SM_OWNER_NAME bytes. */
void sm_owner_name(char *name);

/* True only when the process that called itself this cannot be running any
 * more: it was one of this boot and namespace, and its pid is free or
 * somebody else's. */
bool sm_owner_is_gone(const char *name);

#endif
