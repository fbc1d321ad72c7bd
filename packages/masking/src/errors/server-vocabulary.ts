/**
 * The words of PostgreSQL's own messages (every word that its 15 and 18 servers use at least four times, and names of built-in types).
 * A word of a server's message that is neither here, nor in the client's statement, nor a name of the catalog is a value and is redacted:
 * a missing word costs legibility, never a value.
 */
export const serverVocabulary: ReadonlySet<string> = new Set(
  `
  a abbreviation able abort aborted aborting about above abs absolute accept accepted accepting accepts access
  accessed accessor accidentally according accumulate acquire acquired across action actions active activity
  actual add added adding additional address addresses administrator advance aff affected affix after again age
  agg aggref aggregate aggregate's aggregated aggregates aggregation aggressive aggressively ahead alert algorithm
  alias aliases alignment all alloc allocate allocated allocating allocation allocator allow allowed allows alone
  already also alter always am ambiguous among amount amproc an analyze analyzed analyzing ancestor and anl
  anonymous another any anyarray anycompatible anycompatiblearray anycompatiblemultirange anycompatiblenonarray
  anycompatiblerange anyenum anymore anymultirange anynonarray anyone anyrange anyway apart apparent appear
  appearing appears append appended application applied apply applying appropriate arbiter archive archived
  archiver archiving are area argument arguments array arrays as assign assigned assignment associated assumption
  async at attach attached attempt attempted attempting attno attnum attrdef attribute attributes attrs atttypid
  auth authenticated authentication authorization auto automatic automatically autovacuum auxiliary available
  average avg avoid aware back backend backends background backreference backslash backslashes backup backward bad
  balanced barrier base based batch batches be bearer because become becoming been before begin behavior behind
  being belong belonging belongs below best between beyond big bigint binary bind binding bit bitmap bitmapset
  bits blk block blocks bloom body bogus bonjour boolean boolop bootstrap bootstrapping both bound boundaries
  bounded bounds brace bracket btree buckets buf buffer buffered buffers bug build building built builtin but by
  bypassed byte bytea bytes byval cache cached caches calculate calculated call callback called calling calls can
  can't cancel canceled canceling candidate candidates cannot canonical capture carriage cascade cascaded cascades
  case cast casts catalog catalogs catcache catchup category cause caused causes cb cert certificate certificate's
  chain change changed changes changing channel char character characters check checked checking checkpoint
  checkpointer checkpoints checks checksum checksums child child's children chmod choose chosen chunk chunks cidr
  cipher ciphers circle class classes clause clauses cleaning cleanup cleared clearing client clientcert
  clientname clients clock close closed closing cluster clustered clustering cmd coalesce code coerce coercible
  coercion collatable collation collations collator collection collects collisions column columns combination
  combine combining combo comma command commands comment commit committed common commutative commutator compare
  comparison compatibility compatible compilation compiled complete completed complex component composite compress
  compressed compression compute computing conbin concatenation concurrent concurrently condition conditional
  conditions conexclop conf config configuration configured confirmed conflict conflicting conflicts conkey
  connect connected connecting connection connections consider considered consistency consistent constant
  constants constraint constraints construct constructor constructs contain container containing contains content
  contents context contexts contiguous continue continues continuing contrecord control controls convention
  conventions conversion convert converted copied copy copying correct correctly correlated corresponding corrupt
  corrupted cost could count counter counts cover crash crashes create created creating creation critical cross
  csvlog ctid ctids ctl cumulative current currently currtid cursor cursors curvar custom customary cutoff cxt
  cycle damaged data database database's databases datatype datatypes date daterange dates datetime datum days db
  dd dead deadlock death deb debian debugger debugging decimal decision declaration declarations declare declared
  decode decoded decoding deconstruct dedicated deduplication default defaults deferrable define defined
  definition definitions delay delete deleted deletes deleting deletion delimited delimiter denied depend
  dependencies dependency dependent depending depends deprecated depth derived desc descriptor descriptors descs
  deserialization desired destination detach detached detail details detected detection determine determined
  developer dict dictionary did didn't diff differ difference different differing differs digit digits dimension
  dimensional dimensions dir direct direction directly directories directory dirtied dirty disable disabled
  disables disabling disallowed disappeared disconnection disk displacement display displayed distance distilled
  distinct division dk do document documentation does doesn't domain domains don't done dotted double down drop
  dropped dropping ds dtype due dump duplicate duplicated durable duration during dynamic dynamically each
  earliest edge edges effect effective efficiently eflags either elapsed elect elected element elements embedded
  emptied empty enable enabled enables encode encoded encoding encrypted encryption end ended ending ends enlarge
  enough ensure entering entries entry enum environment epoch equal equality equivalence equivalent error errors
  es escape escaped escapes estimate estimates estimator ev eval even event events every evictions exact exactly
  example exceed exceeded exceeds exception exchange excluded exclusion exclusive exec executable execute executed
  executing execution executor exist existing exists exit exited expand expanded expected expects expensive
  explicit explicitly export exported expr expression expressions extcondition extconfig extend extended
  extensible extension extensions external extra extract facility factor failed failing failover failsafe failure
  failures false families family far fast fastpath fatal feature feedback fetch fetched few fewer field fields
  file filenode files filling filter final finalize find finish finished finishing fired first fit fix fixed
  fixing flag flags flex flight float float4 float8 floating flush flushed flushing follow followed following for
  force forced forces forcing foreign fork forked form format formats formatted formatting forward found fraction
  fragments frame free freeze freezing frequently from frontend frozen fsync full func function function's
  functions future garbage gather generate generated generating generation generic genetic get gi gin gist give
  given global go got gpt grand grant granted grantor greater greatest group grouping groups gssapi had half hand
  handle handled handler handshake happen has hash hashed hashing hashtable have having hba head header headline
  heap heapsort held help here hexadecimal high higher history hit hits holder holding hook horizon host hostssl
  hot hour how huge hundred hyphenated hypothetical id ident identification identifier identifiers identify
  identity idle ids if ignore ignored ignoring image images immediate immutable implement implementation
  implemented implicit implied import importing impossible improper in include included includes including
  inclusive incompatibility incompatible incomplete inconsistent incorrect increase increasing incremental index
  indexed indexes indexqual indicate indicates indnatts inet inference infinite infinity info information inherit
  inheritance inherited inherits init initdb initial initialization initialize initialized initializing initplan
  injection inline inline_code_block inlining inner input inputs ins insensitive insert inserted inserting
  insertion inserts inside install installation installed instead instr instruction instructs insufficient int
  int2 int4 int8 integer integrity interface internal interpretation interrupted interval intervals into invalid
  invalidated inverse invisible invocation invoking io is isn't isolation ispell issuing it it's item items
  iteration iterator its jbv join joinable joinlist joins jointree json jsonb jsonlog jsonpath junk just keepalive
  kerberos kernel kernel's key keys keyword kill kilobytes kind kinds know known l's label labels lacks language
  languages large larger last latch late latency later latest launched launcher ld ldapbasedn ldk leader leaf
  leafblkno leak leaked leap least left len length less letters level levels lexeme lexemes lexize libraries
  library libxml like limit limited line link linked links linux list list's listen listening lists literal
  literally literals live lld llu load loadable loaded loading local locale locally locate location locations lock
  locked locking locks log logarithm logged logger logging logical logicalrep logs long longer longest look looks
  lookup loop loops loss lossy lost low lower lpg ls lsn lu luk lx lz macaddr macro made magic main maintenance
  make making malformed management manager manifest manipulate manually many map mapped mapping mappings
  maptokentype mark marked marker mask match matched matches matching materialize materialized max maximum may
  mean means meant mem member members membership memoization memory mere merge mergeclauses mergejoin merging
  message messages meta metadata method methods might milliseconds min minimal minimum minvfunc mismatch
  mismatched misplaced missed misses missing mm mode modifications modified modifier modify modifying module
  modules modulus money monitoring months more most move moved moving ms msfunc mstype much multi multidimensional
  multiple multirange multixact must mv my na nailed name named names namespace naming napping nbits ndeleted
  ndistinct near necessary need needed needs negative negator negotiation neither nest nested nesting netmask
  never new newdata newest newline newly next nextval no node nodes non nonblocking nonce nondeterministic
  nonstandard nonzero nor normal normalization normally not notation notification notifications notify now nspname
  ntuples null nullable nulls num number numbers numeric nupdated object object's objects objtype obtain obtained
  occur occurred occurring octal of off offnum offset offsets oid old older oldest omit on once one online only op
  opclass open opened opening operand operating operation operations operator operators opfamily ops optimize
  option options or order ordered ordering ordinal ordinary origin original originally origins orphan orphaned os
  other otherwise out outage outer output outside over overall overflow overflowed overflows overlaps override
  oversize oversized overwrite overwritten overwrote own owned owner ownership owning owns packet packs padding
  page pages pairs parallel param parameter parameters paramkind params parent parent's parentheses parenthesis
  parentoff parse parsed parser parsing part partexprs partial partially participant participants partition
  partitioned partitioning partitions partitionwise pass passed passphrase password passwords past path pathkeys
  pattern payload pd peak peer pending per percentage percentile perform performance performed performing
  performsort perhaps permanent permission permissions permitted persistence pg pgsql phase phrase physical
  physically picksplit pid pin pinned pipe pivot pl place placed placeholder plan planned planner planner's
  planning plans platform platform's please plpgsql plugin plugins point pointer points policies policy polygon
  polymorphic pool pop populated population port portal pos position positions positive possible possibly postfix
  postgre postgres posting postmaster potential power pre preceding precision predicate predicates prefetch prefix
  preload prepare prepared present presorted prev prevent prevents previous previously primary prime prior
  priority priv private privilege privileges proargmodes proargnames probably problems proc procedure procedures
  proceed process processes processing proclock procs produce program progress promote promotion proof propagate
  proper properly proposed protections protocol provide provided provider providers provides prune pruning pseudo
  psql's publication publications publisher publishes pubname purged put qual qualification qualified queries
  query query's queue quicksort quote quoted quotes radius raise raised random range rangetable rate raw re reach
  reached reaching read reading ready real realm reason reassign rebuild receipttime receive received receiver
  recheck recognized record recorded records recover recovered recovering recovery recreate recursion recursive
  recycled redirect redo reduce reduced redundant ref refcount refer reference referenced references referencing
  referential refresh regclass regconfig regex regexp regis register registered regproc regrole regtype regular
  reindex reindexed reindexing rejected rel related relation relations relative relcache release released
  releasing relfilenode relfilenumber relfrozenxid relid relids relkind relminmxid relname relnamespace relnatts
  reloaded reloption relpartbound rels reltuples remain remainder remaining remote removable removal remove
  removed removing rename renamed renaming reopen reorder reorderbuffer repeatable replace replaced replay
  replayed replaying replica replicated replication reply report reported reporting represent representation
  request requested requests require required requires reserved reset resetting resno resolution resolve resolved
  resource respectively response restart restarting restartpoint restore restored restoring restr restrict
  restricted restriction result results resume retransmits retrieve retrieved retry retrying return returned
  returning returns reusable revocation revoke revoked rewind rewrite rewritten right role roles roll rollback
  root rotation round routine row rows rtekind rule rule's rules run running runs rw rwx safe safely salt same
  sample sampling satisfies save saved savepoint savepoints scalar scale scan scanblkno scanned scanner scanning
  scans scheduling schema schemas script search searches searching second secondary seconds secret security see
  seed seek seem seems segment segments select selected selection selectivity selects self send sender senders
  sending sendtime sent separate separator seq sequence sequences sequential serial serializable serialization
  serialize serialized serious server server's servers service session sessions set setlocale sets setting
  settings setup shared shell shmem short shot should show shows shut shutdown shutting sibling sibling's side
  sign signal signalfd signature simple simultaneous simultaneously since single sinval situation size sized sizes
  skip skipped skipping slab sleep slice slices slot slot's slots small smallint snapbuild snapshot snapshots so
  socket sockets some soon sort sortable sortby sorted sorting source space spec special specific specification
  specifications specified specifier specifies specify specifying speculative spi spill spinlock split splitting
  sql ssl sspi stack stale standalone standard standby standbys start started starting starts startup stat state
  statement statements statistic statistics stats status stderr stdin stdout step steps still stmt stop stopping
  storage store stored strategy stream streamed streaming string strings struct structure stuck style sub
  subcommands subdictionary subdirectory subfield subject sublink subplan subplans subprocess subqueries subquery
  subscript subscripted subscripting subscription subscriptions subscripts substitute substring subsystem subtract
  subtransaction subtransactions subtype successfully such sufficient suitable sum summaries summarization
  summarizer summary superuser superusers supplied support supported supports sure surrogate sv swap sweep switch
  switched switching symbol symbolic sync synchronization synchronize synchronized synchronous syncing synonym
  syntax syslog system table table's tables tablesample tablespace tablespaces tablesync tag take taken taking
  tape tapes tar target targetlist temp template temporary term terminate terminated terminating terminator test
  testing text tgargs th than that the their them then there there's thesaurus these they this those three
  threshold thresholds through tid time timed timeline timeout times timestamp timestamps timestamptz timetravel
  timetz timezone timing timings title tli tlist tmp to toast toasted together token too took top total track
  trailing transaction transaction's transactions transfer transform transient transition translate treated
  treatment tree trigger trigger's triggered triggers true truncate truncated truncating truncation try trying ts
  tsearch tsquery tsvector tuning tupdesc tuple tuples tuplesort tuplestore turned turns twice two typ type typed
  types typmod ubuntu umask unable unacceptable unambiguously unary uncommitted unconditional undefined under
  underflow underlying unencrypted unexpected unexpectedly unfinished unicode uninitialized union unique unit
  units unix unknown unless unlink unlinked unlogged unmatched unnamed unpin unprivileged unquoted unrecognized
  unresolved unsafe unsupported unterminated until untransformed untrusted unused up updatable update updated
  updates updating upgrade upper usable usage use used useless user users uses using usually utility uuid vac
  vacuum vacuumed vacuuming vacuums valid validate validation validator value values var varattno varchar variable
  variables variadic variant varies varlevelsup varno vars varying vector verification verify version versions
  versus via view views violated violates virtual visibilitymap visible void volatile vs wait waiting waits wal
  walreceiver walsender want warning was way weight were what when whence where whether which while whole wholerow
  whose wide width wildcard will window winref with within without word words work worker workers working would
  wrap wraparound wrapper write writer writes writing written wrong wrote xact xid xids xlog xmax xmin xml xx year
  yet yield you your yy yyyy zd zero zeroed zeroes zeroing zone zstd zu
  `
    .trim()
    .split(/\s+/),
);
