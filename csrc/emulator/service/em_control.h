/* The control port under /_emulator/: what the service would never tell. The
 * ledger of accepted submits is the oracle of the tests. */
#ifndef EM_CONTROL_H
#define EM_CONTROL_H

#include "em_service.h"

em_endpoint_fn em_control_ledger, em_control_stats, em_control_faults;
em_endpoint_fn em_control_wire, em_control_wire_log, em_control_foreign;
em_endpoint_fn em_control_reset, em_control_shutdown;

#endif
