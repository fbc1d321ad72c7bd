/**
 * The words of PostgreSQL's own messages (every word that its 15 and 18 servers use at least twice, and names of built-in types).
 * A word of a server's message that is neither here, nor in the client's statement, nor a name of the catalog is a value and is redacted:
 * a missing word costs legibility, never a value.
 */
export const serverVocabulary: ReadonlySet<string> = new Set(
  `
  a abandoned abandoning abbreviation abbreviations able abnormal abnormally abort aborted aborting about above
  abs absent absolute accept accepted accepting accepts access accessed accesses accessexclusivelock accessor
  accesssharelock accidentally accompanying according account accumulate acl aclinsert aclremove aclright acquire
  acquired across action actions active activity acts actual adbin add added adding additional address addresses
  adequate administrator adminpack adopt advance advanced advancing advertising advisory aff affect affected
  affects affix after again against age agg aggkind aggref aggregate aggregate's aggregated aggregates aggregation
  aggressive aggressively ahead aio alert algorithm alias aliases alignment alike all alloc allocate allocated
  allocating allocation allocator allow allowed allows alone along already also alter altered altering alternating
  alternatives always am ambiguous amend among amop amount amounts amproc amvalidate an analysis analyzable
  analyze analyzed analyzing ancestor ancestors and anl anonymous another any anyarray anycompatible
  anycompatiblearray anycompatiblemultirange anycompatiblenonarray anycompatiblerange anyelement anyenum anymore
  anymultirange anynonarray anyone anyrange anyway apart apostmaster apparent appear appearing appears append
  appended applicable application applied applies apply applying appropriate approximately arbiter arbiters
  archival archive archived archiver archiving are area aren't argmode argument arguments array arraycontsel
  arrays as assert assertion assign assigned assigning assignment assignments associated assumes assumption async
  asynchronous at attach attached attaching attack attempt attempted attempting attempts attgenerated attlen
  attname attno attnum attopt attr attrdef attribute attributes attrs attrsize atttypid aunknown auth
  authenticated authentication authenticator authority authorization authorized auto automatic automatically
  autovacuum auxiliary availability available average avg avoid avoided awaits aware away axis back backend
  backends background backreference backslash backslashes backtrace backup backups backward backwards bad badly
  balanced bare barrier base basebackup based basetype batch batches be bearer because become becoming been before
  began begin beginning begins behavior behind being belong belonging belongs below best better between beyond
  bgworker bgwriter big bigint billion binary bind binding binned bipartite bit bitcode bitmap bitmapset bits blk
  blkno block blocked blocking blocks bloom bmpage bmsize bodies body bogus bonjour boolean boolop booltesttype
  bootstrap bootstrapping both bound boundaries boundary bounded bounds brace braces bracket brackets brin
  bringetbitmap brininsert broken btree btvacinfo bucket buckets buf buffer buffered buffering buffers bug buggy
  bugs build builder building built builtin busy but by bypassed bypassing bypassrls byte bytea bytes byval cache
  cached caches calculate calculated calendar call callable callback callbacks called caller calling calls came
  can can't cancel canceled canceling candidate candidates cannot canonical canonicalization capable capture
  careful carriage cascade cascaded cascades case cast castcontext castmethod casts catalog catalogs catcache
  catchup category caught cause caused causes cb cert certificate certificate's certificates chain challenge
  change changed changequeue changes changing channel char character characters check checked checking checkpoint
  checkpointed checkpointer checkpoints checks checksum checksums child child's children chmod choose chooses
  chosen chunk chunks cid cidr cipher ciphers ciphersuite circle circular cl class classes classid clause clauses
  cleaned cleaning cleanup clear cleared clearing client client's clientcert clientname clients clock clone close
  closed closing cluster clustered clustering cmd coalesce code codeset coerce coerced coercible coercion
  collapsed collatable collating collation collations collator collect collection collector collects collisions
  collprovider colnames colnos colors column columns combination combinations combine combinefn combining combo
  comma command commanded commandid commands commas comment commit committed committing common commutative
  commutator commutators commute compacted compare comparison compatibility compatible compilation compiled
  complete completed completion complex component composite compress compressed compresses compressible
  compression compromise computation compute computed computing conbin concat concatenate concatenation
  concurrency concurrent concurrently cond condition conditional conditions conexclop conf confdelsetcols
  confdeltype conffeqop confidentiality config configuration configured confirmed confkey conflict conflicting
  conflicts confmatchtype conforming confupdtype conkey connect connected connecting connection connections
  conninfo conpfeqop conppeqop consecutive consequence consider considered consist consistency consistent const
  constant constants constrained constraint constraints construct constructed construction constructor constructs
  consult cont contact contain contained container containing contains content contention contents context
  contexts contiguous continuation continue continues continuing contradicts contrecord control controls
  convention conventions conversion convert converted converter cope copied copy copying core correct correctly
  correlated correlation corresponding corrupt corrupted corruption cost could count counter counts cover covers
  crash crashes create created creating creation credentials critical cross crosses cryptohash cstring csvlog cte
  ctid ctids ctl ctxt cumulative current currently currtid currval cursor cursor's cursors curvar curve custom
  customary customized cutoff cxt cycle cyclic damaged dangling data database database's databases datatype
  datatypes date dated daterange dates datestyle datetime datetimes datetoken datum day days db dboid dd dead
  deadlock death deb debian debugger debugging decide decimal decision declaration declarations declare declared
  decode decoded decoding decompile decompress deconstruct dedicated deduced deduplicate deduplication deep
  default defaulting defaults defer deferrability deferrable deferred define defined definer defining definition
  definitions deforming delay deletable delete deleted deletes deleting deletion delimited delimiter denied denote
  depend dependencies dependency dependent depending depends deprecated depth deptype derived derives desc
  description descriptor descriptors descs deserialfunc deserialization desired despite dest destination destroy
  destroyed detach detached detaching detail details detected detection determine determined developer devise
  diagnostics dict dictionary did didn't diff differ difference different differing differs digest digit digits
  dimension dimensional dimensionality dimensions dir direct direction directly directories directory dirtied
  dirty disable disabled disables disabling disagree disagrees disallow disallowed disappeared disassociate disc
  disconnection disk displacement display displayed displaying displays dissimilar distance distilled distinct
  distinguished divide divisible division dk do document documentation documents does doesn't dollar domain
  domains don't done dots dotted double down downlink drop dropped dropping ds dtype due dummy dump duplicate
  duplicated duplicates duplicating durable duration during dynamic dynamically each eager eagerly earlier
  earliest edge edges effect effective efficiently effort eflags either elapsed elect elected element elements
  eligible email embedded emit emptied empty emptying enable enabled enables encode encoded encoding encodings
  encrypt encrypted encrypting encryption end ended ending ends enforceability enlarge enlargement enough enrtype
  ensure ensures ensuring enter entering entries entry enum enumerating environment epoch equal equality equally
  equivalence equivalent error errors errstart es escape escaped escapes establish estimate estimated estimates
  estimator ev eval evaluate evaluates evaluating even event eventlog events every evictions evidence exact
  exactly examine example exceed exceeded exceeding exceeds except exception exceptional exchange exclude excluded
  excluding exclusion exclusive exclusivelock exec executable execute executed executing execution executor
  exhausted exhaustive exist existence existent existing exists exit exited exiting expand expanded expansion
  expected expects expensive expired explicit explicitly export exported expr expression expressions ext
  extcondition extconfig extend extended extensible extension extension's extensions external extnodename extra
  extract extversion facilitate facility factor factorial failed failing failover failsafe failure failures false
  families family far fast fastpath fatal fd fdatasync fdw fe feasible feature feedback fell fetch fetched fetches
  fetching few fewer ff field fields file filename filenode filenumber files fileset filled filling filter filters
  final finalize find finish finished finishing finite fire fired first firstfreebit firstplaceholder
  firstrightoff fit five fix fixed fixing flag flags flatten flattened flex flight float float4 float8 floating
  flush flushed flushes flushing follow followed following foo for forbidden force forced forces forcing foreign
  fork forked forknum form format formats formatted formatting fornokeyupd forward forwarding found four fourth
  fpw fraction fractional fragments frame free freeze freezing frequently from frontend frozen fsm fsync full
  fully func funcname function function's functions further future garbage gather gave gcc generate generated
  generates generating generation generator generic genetic geometric geqo get getnext getnextslot getrlimit gets
  getsomeattrs gettoken gi gin ginarrayconsistent ginarrayextract ginqueryarrayextract gist gistbuild give given
  giving global globally gnu go got gpt grand grant grantable granted grantor grants greater greatest gregorian
  group groupcols grouped grouping groups growth gssapi guarantee had half halves hand handle handled handler
  handling handshake happen happens hardware has hash hashable hashed hashing hashjoin hashtable have having hba
  head header headers headline headoff heap heapsort held help here hexadecimal hide hierarchies high higher
  highest highkey histogram historical history hit hits hold holdable holder holding home hook horizon host
  hostssl hot hour how however huge hugepagesize hundred hyphenated hypothetical id ident identification
  identifier identifiers identify identity idle ids if ignore ignored ignoring image images immediate immediately
  immutable implement implementation implemented implements implicit implied import importing impose impossible
  improper in inactive include included includes including inclusive incoming incompatibility incompatible
  incompatibly incomplete inconsistent incorrect incorrectly increase increasing incremental indents index index's
  indexed indexes indexing indexprs indexqual indicate indicated indicates individuals indkey indnatts inequality
  inet inference infinite infinity info infomask information inherit inheritance inherited inherits inhparent
  inhrelid init initdb initial initialization initialize initialized initializing initplan injection inline
  inline_code_block inlining inner inneroff input inputs ins insecure insensitive insert inserted inserting
  insertion inserts inside install installation installed installing instead instr instruction instructions
  instructs insufficient int int2 int4 int8 integer integrity intended interface interfaces internal
  interpretation interpretations interpreting interrupt interrupted intersect interval intervals into introduce
  inval invalid invalidate invalidated invalidating invalidation invalidations invalidly inverse invisible
  invocation invoke invoking involve io ipc is isn't isolation ispell isrootsplit issuer issuing it it's item
  items iteration iterations iterator its itself jammed jbv join joinable joinlist joins jointree json jsonb
  jsonlog jsonpath junk just keep keepalive keepalives kerberos kernel kernel's kernels key keys keyword kill
  kilobytes kind kinds know known l's label labels lacks language languages large largeobject larger last lastval
  latch late latency later latest launched launcher launcher's layout lc ld ldap ldapbasedn ldapbinddn ldapprefix
  ldapscheme ldapsearchattribute ldapsearchfilter ldapsuffix ldk lead leader leads leaf leafblkno leafleft
  leafright leaftopparent leak leaked leaking leakproof leap least left len length lengths less let letters level
  levels levelsup levenshtein lexeme lexemes lexer lexize lextype lextypes libpqwalreceiver libraries library
  libxml like likely limit limited limits line lines link linked links linux list list's listen listening listens
  lists literal literally literals live lld llu load loadable loaded loading local locale locales localized
  locallock locally locate located location locations lock locked locking locks locktag log logarithm logged
  logger logging logical logically logicalrep login logs logtape long longer longest look looking looks lookup
  loop loops loss lossy lost low lower lowering lpg lru ls lsn lu luk lx lz macaddr macro made magic main maintain
  maintenance make making malformed man manage management manager managers manifest manipulate manually many map
  mapped mapping mappings maptokentype mark marked marker mask match matched matches matching materialization
  materialize materialized mates max maximum maxvalues may mean means meant measured mechanism mem member members
  membership memoization memoize memory mere merge mergeclause mergeclauses mergejoin merging message messages
  meta metadata method methods mfinalfunc mgr microseconds middle might millisecond milliseconds min minimal
  minimum minitcond minmax minus minvfunc misconfiguration mismatch mismatched mismatching misordered misplaced
  missed misses missing mix mixing mm mmap mode modes modification modifications modified modifier modifiers
  modify modifying module modules modulus moment monetary money monitor monitored monitoring months more most move
  moved moving ms msfunc msspace mstype much multi multiassign multibyte multicolumn multidimensional multiple
  multiply multirange multiranges multivariate multixact multixact's multixacts multixid munmap must mutable
  mutual mutually mv my na nailed name named namely names namespace naming napping nbits nchain ndead ndelete
  ndeleted ndistinct near nearest necessary need needed needs negate negative negator negators negligible
  negotiation neither nest nested nesting netmask network never new newdata newer newest newitemoff newline newly
  newoff next nextblkno nextval nhashes niladic ninsert nintervals nitems nkeys nmembers nmove nmoves no node
  nodes non nonblocking nonce noncontiguous nondeterministic nonessential nonlockable nonnull nonrecyclable
  nonremovable nonsequentially nonstandard nonzero nor normal normalization normally not notation nothing
  notification notifications notifies notify now nplaceholder nranges nsitem nspname nth ntile ntoplaceholder
  ntuples ntups null nullable nulls nulltesttype num number numbered numbers numeric nupdated nvalues oauth object
  object's objects objtype observed obsolete obtain obtained occupied occur occurred occurring occurs octal octet
  odd of off offnum offset offsets oid oidvector old older oldest omit on once one ones ongoing online only op
  opclass open opened opening operand operated operating operation operations operator operators opfamilies
  opfamily oprcode oprkind ops opt optimal optimization optimize optimizer option options or order ordered
  ordering ordinal ordinary origin original originally origins orphan orphaned os other others otherwise ourselves
  out outage outer outermost output outside over overall overflow overflowed overflows overlap overlaps override
  oversize oversized overwrite overwritten overwrote own owned owner owner's ownership owning owns packet packs
  padding page pageaddr pageno pages pair pairs parallel param parameter parameterized parameterless parameters
  paramid paramkind params parent parent's parentheses parenthesis parentoff parse parsed parser parsers parsetree
  parsing part partdefid partexprs partial partially participant participants partition partitioned partitioning
  partitions partitionwise pass passed passing passphrase passphrases password passwords past path pathkey
  pathkeys pathtype pattern patterns patternsel pause paused pausing payload pc pd peak peer penalty pending per
  percent percentage percentile perf perform performance performed performing performsort perhaps permanent
  permission permissions permitted persistence pg pglz pgsql phase phrase physical physically picksplit pid pin
  pincount pinned pipe pivot pl place placed placeholder placeholders places plain plaintext plan plancache
  planned planner planner's planning plans platform platform's platforms plausible please plpgsql plugin plugins
  pm point pointer pointers points policies policy poll polroles polygon polymorphic pool pop populated population
  port portal ports pos position positional positioned positions positive possible possibly postfix postfixoff
  postgre postgres postgresql posting postingoff postmaster potential power pre preallocated preceding precise
  precision pred predicate predicates prefetch prefix prefixed prefixoff preload preloading prepare prepared
  preparing present preset presorted pressure prev prevblkno prevent prevents previous previously primary
  primary's prime print printable prints printtup prior priority priv private privilege privileges proallargtypes
  proargmodes proargnames probably probing problem problems proc procedural procedure procedures proceed process
  processed processes processing processor proclock proclocks proconfig procs produce produces product profiler
  program programming progress prohibits prokind promise promote promoted promotion proof propagate proparallel
  proper properly properties proposed prosrc protections protocol protrftypes prove provide provided provider
  providers provides prsend prsstart prstoken prune pruning pseudo psql's public publication publications
  published publisher publishes pubname purged purpose purposes push put quadrant qual qualification
  qualifications qualified quantifier queries query query's queue queueing quicksort quorum quote quoted quotes
  radius raise raised ran random range ranges rangetable rate raw rbtree rc re reach reached reaching read reading
  reads ready real realloc realm reaping rearranging reason reasons reassign reassigning rebuild recalcitrant
  receipttime receive received receiver recent recheck rechecking recognized recompile reconfigure reconnect
  record recorded records recover recovered recovering recovery recreate recursion recursive recursively recv
  recycle recycled recycles recycling redefine redirect redirecting redirection redo reduce reduced reducing
  redundant ref refcount refer reference referenced references referencing referential refname refresh reg
  regclass regcollation regconfig regdictionary regex regexp region regis register registered registering
  registration registry registry's regnamespace regoper regoperator regproc regprocedure regrole regtype regular
  regularly rehashing reindex reindexed reindexing reinitialize reinitializing reject rejected rel related
  relation relations relationship relative relcache relchecks release released releases releasing relfilenode
  relfilenumber relfrozenxid relid relids relkind relminmxid relname relnamespace relnatts reload reloaded
  reloading relocatable reloption relowner relpartbound relpersistence relreplident rels reltuples remain
  remainder remaining remains remnant remote removable removal remove removed removing rename renamed renaming
  rendezvous renegotiation reopen reorder reorderbuffer reordering rep repalloc repeat repeatable repetition
  replace replaced replacement replay replayed replaying replica replicate replicated replication reply report
  reported reporting reports represent representation request requested requests require required requirement
  requires reserve reserved reset resetting resize resjunk resno resolution resolve resolved resource resources
  respectively response restart restarted restarting restartpoint restore restored restoring restr restrict
  restricted restriction result resulting results resume retransmits retried retries retrieve retrieved retry
  retrying return returned returning returns reusable revmap revocation revoke revoked rewind rewrite rewrites
  rewriting rewritten right rightkey rights role roles roll rollback root rotated rotation round rounded rounds
  routine row rowexclusivelock rowmark rowmarks rows rowsharelock rtekind rtree rule rule's rulename rules run
  running runs rw rwx rx safe safely safexid salt same sample sampling satisfied satisfies save saved savepoint
  savepoints saw scalar scalars scale scan scanblkno scanned scanner scanning scans scheduling schema schemaname
  schemas scheme scientific script scrollable search searches searching second secondary seconds secret secrets
  security see seed seek seem seems seen segment segments select selected selection selective selectivity selects
  self semantic semaphores send sender senders sending sendtime sent separate separated separator separators seq
  sequence sequences sequential sequentially serial serialfunc serializable serialization serialize serialized
  serializing serially serious server server's servers service session session's sessions set setlocale setof sets
  setseed setsid setting settings setup setval several severity sfk sfunc shared sharelock sharerowexclusivelock
  shareupdateexclusivelock shdepend shell shm shmctl shmdt shmem shmget short shot should shouldn't show shows
  shrink shut shutdown shutting sibling sibling's side sign signal signaled signalfd signature signed simple
  simply simultaneous simultaneously since single singleton sinval situation size sized sizes skip skipped
  skipping skips slab slash sleep slice sliceoffset slices slot slot's slots slowness slru small smallint smart
  smgr snapbuild snapshot snapshot's snapshots so socket sockets software some something somewhere soon sorry sort
  sortable sortby sorted sortgroupref sorting sortref source space spec special specific specification
  specifications specified specifier specifies specify specifying speculative spent spgist spi spill spilling
  spinlock split splitting spuriously sql square ssl sspi stack stale stamp stamps stand standalone standard
  standby standby's standbys stanumbers start started starting startpos starts startup stat state statement
  statements statistic statistics stats status stderr stdin stdout step steps still stmt stop stopping storage
  store stored strat strategies strategy stream streamed streaming strength strict strictness stride string
  strings strlist strong struct structure structures stuck stxkind style stype sub subcommands subcommitted
  subdictionary subdirectory subexpression subexpressions subfield subid subject sublink sublist submission
  submitted subplan subplan's subplans subprocess subqueries subquery subscriber subscribers subscribes subscript
  subscripted subscripting subscription subscriptions subscripts subselect substitute substituting substring
  subsystem subtract subtrans subtransaction subtransactions subtype succeed successes successfully such suffered
  sufficient sufficiently suitable suites sum summaries summarization summarize summarized summarizer summary
  superuser superusers supplied supplies support supported supports suppression sure surrogate suspending sv swap
  sweep switch switched switching switchpoint symbol symbolic symbols sync syncfs synchronization synchronize
  synchronized synchronizing synchronous syncing synonym synonyms syntax sys syscache syslog syslogger system
  system's table table's tablename tableoid tables tablesample tablespace tablespaces tablesync tag tail take
  taken takes taking tape tapes tar target targetlist targets targtype task tblspc temp template templates
  temporarily temporary term terminate terminated terminating termination terminator test testexpr testing text
  textual tgargs tgtype th than that the their them then there there's thesaurus these they thinks third this
  those three threshold thresholds through tid tied time timed timeline timeline's timeout timer times timestamp
  timestamps timestamptz timetravel timetz timezone timing timings title tle tli tlist tmp to toast toasted
  together token tokens too took top topparent total touch track trailing tranche transaction transaction's
  transactions transfer transform transient transiently transition translate traversal treat treated treatment
  treats tree trees tries trig trigger trigger's triggered triggers trim true truncate truncated truncating
  truncation trust trusted try trying ts tsearch tsquery tsvector tuning tup tupdesc tuple tuplecid tuples
  tuplesort tuplestore tups turn turned turns twice two typ type type's typed types typmod typoid typrelid tz
  ubuntu ulimit umask unable unacceptable unaffected unambiguously unary uncached unclosed uncommitted
  unconditional undefined under underflow underlying underscore unencrypted unequal unexpected unexpectedly
  unfinished unfrozen ungrouped unhandled unicode uninitialized union unique uniqueness unit units unix unknown
  unless unlink unlinked unlogged unmap unmapped unmatched unnamed unpaused unperformed unpin unpinned unplanned
  unprivileged unprocessed unqualified unquoted unreachable unrecognized unregistering unreserved unresolved
  unsafe unsigned unsupported unterminated until untransformed untrusted unused up updatable update updated
  updater updates updating upgrade upgrading upon upper upstream uring us usable usage use used useless user
  usermap users uses using usual usually utility uuid vac vacuum vacuumed vacuuming vacuums valid validate
  validated validating validation validator value valued values vanished var varattno varchar variable variables
  variadic variant varies varlevelsup varno vars varying vector verbosity verification verify verifying version
  versions versus via view views violate violated violates virtual visibility visibilitymap visible vm void
  volatile volatility volume vs vsnprintf wait waiting waits wal walreceiver walsender want warn warning was way
  ways we week weeks weight well were what when whence whenever where whether which while whole wholerow whose
  wide width widths wildcard will window windows winref with within without word words work worker workers working
  works workspaces world worst would wrap wraparound wrapper writable write writer writes writing written wrong
  wrote wt xact xid xids xl xlog xmax xmin xml xmlvalidate xpath xqs xx year years yes yet yield yields you your
  yy yyensure yyyy zd zero zeroed zeroes zeroing zone zoned zones zstd zu
  `
    .trim()
    .split(/\s+/),
);
