/* The request history of the control plane: what became of every request of
 * the caller's, long after its record has expired. As the official SDK
 * documents it; page, per_page and total beside its data are an assumption,
 * and so is a 400 for an argument that is out of range. */
#ifndef EM_HISTORY_H
#define EM_HISTORY_H

#include "em_service.h"

em_endpoint_fn em_history_list, em_history_entry;

#endif
