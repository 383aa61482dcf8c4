/* The store that simulations use says what the database says: random writes of
 * two processes over a few steps, carried out by both. */
#include "memory_store.h"
#include "one_ledger.h"

#define WRITES 20000
#define KEYS 4
#define IDS 6

static const char *const owners[] = {"here:1:2:3", ELSEWHERE};
static const char *const names[KEYS] = {"a1", "b2", "c3", "d4"};
static const char *const ids[IDS] = {ID, OTHER_ID, "r1", "r2", "r3", "r4"};
static const char *const ends[] = {"failed", "unknown", "accepted", "intent"};

static uint64_t chance = 88172645463325252ULL;

static int draw(int most) {
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return (int)(chance % (uint64_t)most);
}

/* One that no row has, one that a row may have, or none. */
static const char *draw_id(void) {
  static char id[24];
  static int count;
  snprintf(id, sizeof id, "new%d", ++count);
  return draw(3) == 0 ? ids[draw(IDS)] : draw(2) ? id : NULL;
}

static void fill(struct sm_write *write, struct sm_ledger_step *step, int at) {
  static const enum sm_write_kind kinds[] = {
      SM_WRITE_CLAIM,  SM_WRITE_CLAIM,    SM_WRITE_LOOK,  SM_WRITE_FIND,
      SM_WRITE_ACCEPT, SM_WRITE_COMPLETE, SM_WRITE_KEEP,  SM_WRITE_END,
      SM_WRITE_ATTACH, SM_WRITE_SPENT,    SM_WRITE_RESUME};
  enum sm_write_kind kind = kinds[draw(sizeof kinds / sizeof kinds[0])];
  *step = step_of(names[draw(KEYS)]);
  step->is_fresh = draw(8) == 0;
  step->price = draw(4) / 100.0;
  step->budget = draw(3) == 0 ? at / 200.0 : (double)NAN;
  sm_write_create(write, kind, step);
  write->generation = draw(3);
  write->submits = kind == SM_WRITE_CLAIM ? 0 : draw(4);
  write->request_id = ids[draw(IDS)];
  if (kind == SM_WRITE_END) {
    write->request_id = draw_id();
    write->state = ends[draw(4)];
    write->refund = draw(3) / 100.0;
  }
  if (kind == SM_WRITE_COMPLETE) {
    write->request_id = draw_id();
    write->text = "{}";
    write->text_size = 2;
    write->cost = draw(5) / 100.0 - 0.01;
  }
  if (kind != SM_WRITE_CLAIM && write->generation == 0)
    write->generation = 1;
  if (kind == SM_WRITE_KEEP || (kind == SM_WRITE_COMPLETE && draw(2))) {
    write->file = "a.png";
    write->sha256 = "00";
  }
}

static bool is_same_row(const struct sm_row *a, const struct sm_row *b) {
  static const enum sm_column texts[] = {
      SM_ROW_STEP_KEY, SM_ROW_STATE,       SM_ROW_REQUEST_ID, SM_ROW_RESULT,
      SM_ROW_FILE,     SM_ROW_LEASE_OWNER, SM_ROW_BODY};
  static const enum sm_column numbers[] = {
      SM_ROW_GENERATION, SM_ROW_SUBMITS,     SM_ROW_PRICE,        SM_ROW_DOUBT,
      SM_ROW_COST,       SM_ROW_LEASE_UNTIL, SM_ROW_SUBMITTED_AT, SM_ROW_SEED};
  if (!a || !b)
    return !a && !b;
  bool is_same = true;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const char *x = sm_row_text(a, texts[i]), *y = sm_row_text(b, texts[i]);
    is_same &= x && y ? strcmp(x, y) == 0 : !x && !y;
  }
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    double x = sm_row_number(a, numbers[i]), y = sm_row_number(b, numbers[i]);
    is_same &= isnan(x) ? isnan(y) : fabs(x - y) < 1e-9;
  }
  return is_same;
}

static bool are_same_rows(const struct sm_row *a, const struct sm_row *b) {
  for (; a && b; a = a->next, b = b->next)
    if (!is_same_row(a, b) || a->standing != b->standing)
      return false;
  return !a && !b;
}

/* The rows of an ended step differ in nothing but what the store does not keep:
 * its problem, and when it ended. */
static bool is_same(const struct sm_write *a, const struct sm_write *b) {
  bool has_sum =
      a->kind == SM_WRITE_SPENT || a->standing == SM_STANDING_REFUSED;
  return !a->error == !b->error && a->standing == b->standing &&
         a->written == b->written && a->submits == b->submits &&
         (!has_sum || fabs(a->spent - b->spent) < 1e-9) &&
         are_same_rows(a->row, b->row);
}

static void random_writes_have_the_same_ends(void) {
  struct memory_store memory = {.wall_s = 1700000000};
  struct sm_transaction rows;
  struct sm_error e;
  int differences = 0;
  make_folder();
  struct sm_db db = open_db();
  sm_transaction_create(&rows, &db, owners[0]);
  CHECK(sm_ledger_tables_prepare(&db, SERVICE, &e) == SM_DB_OK);
  for (int i = 0; i < WRITES && differences < 3; i++) {
    struct sm_ledger_step step;
    struct sm_write real = {0}, copy = {0};
    if (i % 500 == 0) {
      sql("DELETE FROM segmind_steps");
      memory_store_destroy(&memory);
    }
    memory.now_ms += draw(20000);
    memory.owner = rows.owner = owners[draw(2)];
    fill(&real, &step, i % 500);
    copy = real;
    CHECK(sm_transaction_begin(&rows, memory_now_s(&memory), &e) == SM_DB_OK);
    CHECK(sm_ledger_rows_apply(&rows, &real, &e) == SM_DB_OK);
    CHECK(sm_transaction_commit(&rows, &e) == SM_DB_OK);
    memory_apply(&memory, &copy);
    if (!is_same(&real, &copy)) {
      fprintf(stderr, "write %d of kind %d: %d or %d, generation %d or %d\n", i,
              (int)real.kind, (int)real.standing, (int)copy.standing,
              (int)real.written, (int)copy.written);
      differences++;
    }
    sm_write_clear(&real);
    sm_write_clear(&copy);
  }
  CHECK(differences == 0);
  memory_store_destroy(&memory);
  sm_db_close(&db);
  remove_folder();
}

static void a_crash_loses_what_has_not_come_home(void) {
  struct memory_store memory = {.owner = "one", .latency_ms = 5};
  struct sm_store store = memory_store(&memory);
  struct sm_ledger_step step = step_of("a1");
  struct sm_write claim = {0}, accept = {0};
  sm_write_create(&claim, SM_WRITE_CLAIM, &step);
  sm_write_create(&accept, SM_WRITE_ACCEPT, &step);
  accept.generation = 1;
  accept.request_id = ID;
  store.put(store.self, &claim);
  CHECK(store.finished(store.self) == NULL);
  memory.now_ms += 5;
  CHECK(store.finished(store.self) == &claim);
  store.put(store.self, &accept);
  memory_store_crash(&memory, "two");
  memory.now_ms += 5;
  CHECK(store.finished(store.self) == NULL);
  sm_write_create(&claim, SM_WRITE_CLAIM, &step);
  memory_apply(&memory, &claim);
  CHECK(claim.standing == SM_STANDING_TAKEN && is_in(claim.row, "intent"));
  sm_write_clear(&claim);
  memory_store_destroy(&memory);
}

int main(void) {
  a_crash_loses_what_has_not_come_home();
  random_writes_have_the_same_ends();
  return check_report("memory_store");
}
