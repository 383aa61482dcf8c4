/* The page at "/": for whoever opens the emulator's address in a browser. Its
 * latest jobs with their pictures, and how to use it. */
#ifndef EM_PAGE_H
#define EM_PAGE_H

#include "em_service.h"

em_endpoint_fn em_page;

#endif
