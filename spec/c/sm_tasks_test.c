/* The table of tasks is the engine's test's matter; here is the memory of the
 * ids that were given out. */
#include "sm_tasks.h"

#include "check.h"

static const char *id_of(int number) {
  static char id[32];
  (void)snprintf(id, sizeof id, "request-%d", number);
  return id;
}

static void an_id_is_known_once_it_was_noted(void) {
  static struct sm_tasks tasks;
  sm_tasks_create(&tasks);
  CHECK(!sm_tasks_has_id(&tasks, id_of(1)));
  sm_tasks_note_id(&tasks, id_of(1));
  CHECK(sm_tasks_has_id(&tasks, id_of(1)));
  CHECK(!sm_tasks_has_id(&tasks, id_of(2)));
  sm_tasks_destroy(&tasks);
}

static void an_id_is_known_in_every_spelling(void) {
  static struct sm_tasks tasks;
  sm_tasks_create(&tasks);
  sm_tasks_note_id(&tasks, "2c7f59ea13f1402c9353915a2b5a2124");
  CHECK(sm_tasks_has_id(&tasks, "2C7F59EA-13F1-402C-9353-915A2B5A2124"));
  CHECK(!sm_tasks_has_id(&tasks, "2c7f59ea13f1402c9353915a2b5a2125"));
  sm_tasks_destroy(&tasks);
}

static void the_last_thousand_are_remembered_and_old_ones_make_room(void) {
  static struct sm_tasks tasks;
  int known = 0, old = 0;
  sm_tasks_create(&tasks);
  for (int i = 0; i < 20000; i++)
    sm_tasks_note_id(&tasks, id_of(i));
  for (int i = 19000; i < 20000; i++)
    known += sm_tasks_has_id(&tasks, id_of(i));
  for (int i = 0; i < 10000; i++)
    old += sm_tasks_has_id(&tasks, id_of(i));
  CHECK(known == 1000);
  CHECK(old == 0);
  sm_tasks_destroy(&tasks);
}

int main(void) {
  an_id_is_known_once_it_was_noted();
  an_id_is_known_in_every_spelling();
  the_last_thousand_are_remembered_and_old_ones_make_room();
  return check_report("sm_tasks");
}
