import type { FoldedWord } from '../fold/fold-word.ts';
import type { Invocation } from './invocation.ts';
import { hasOption, operandsOf } from './options.ts';

/** A row: what makes one of these programs destructive. No condition = always. A computed word that may meet it, meets it. */
interface Row {
  readonly programs: readonly string[] | RegExp;
  /** One of these options. */
  readonly letters?: string;
  readonly longs?: readonly string[];
  /** The first operands, one pattern each. */
  readonly operands?: readonly RegExp[];
  /** Some word. */
  readonly word?: RegExp;
  readonly why: string;
}

const table: readonly Row[] = [
  { programs: ['rm'], letters: 'rRf', longs: ['recursive', 'force'], why: 'rm with -r or -f removes without asking' },
  {
    programs: ['shred', 'wipefs', 'srm', 'wipe', 'scrub', 'blkdiscard', 'nwipe'],
    why: '{} destroys contents for good',
  },
  {
    programs: /^(mkfs(\..+)?|mke2fs|mkswap|mkntfs|mkdosfs|newfs)$/,
    why: '{} makes a new file system over the old one',
  },
  { programs: ['truncate'], why: 'truncate cuts files' },
  {
    programs: ['fdisk', 'sfdisk', 'gdisk', 'sgdisk', 'cfdisk', 'parted', 'partprobe'],
    word: /^(?!-l$|--list$|-v$|print$)/,
    why: '{} changes partitions',
  },
  {
    programs: ['cryptsetup'],
    word: /^(luksFormat|erase|luksErase|luksKillSlot|luksRemoveKey|reencrypt|luksClose|close|remove)$/,
    why: 'cryptsetup makes encrypted data unreadable',
  },
  {
    programs: ['badblocks', 'hdparm', 'nvme', 'sg_format'],
    word: /^(-w|-n|--security-erase.*|format|sanitize|--yes-i-know.*)/,
    why: '{} writes over devices',
  },
  {
    programs: ['lvremove', 'vgremove', 'pvremove', 'lvreduce', 'vgreduce', 'vgchange', 'lvchange'],
    why: '{} takes storage away',
  },
  {
    programs: ['zpool', 'zfs'],
    operands: [/^(destroy|rollback|offline|detach|labelclear|export|unmount)$/],
    why: '{} takes storage away',
  },
  { programs: ['btrfs'], word: /^(delete|device|balance)$/, why: 'btrfs takes storage away' },
  {
    programs: ['mdadm'],
    letters: 'Sfr',
    longs: ['zero-superblock', 'stop', 'fail', 'remove'],
    why: 'mdadm takes storage away',
  },
  { programs: ['umount', 'swapoff'], why: '{} takes storage away' },
  {
    programs: ['chmod', 'chown', 'chgrp', 'setfacl', 'chattr', 'chcon'],
    letters: 'R',
    longs: ['recursive'],
    why: '{} -R changes everything below a folder',
  },
  { programs: ['kill'], word: /^-1$/, why: 'kill -1 ends every process' },
  {
    programs: ['killall', 'pkill', 'killall5', 'skill', 'xkill'],
    word: /^(?!-l$|-0$|-V$|--list|--version)/,
    why: '{} ends processes by name',
  },
  { programs: ['killall5'], why: 'killall5 ends every process' },
  { programs: ['shutdown', 'reboot', 'halt', 'poweroff', 'systemctl-reboot', 'kexec'], why: '{} stops the machine' },
  { programs: ['init', 'telinit'], operands: [/^[016sS]$/], why: '{} stops the machine' },
  {
    programs: ['systemctl'],
    operands: [
      /^(stop|disable|mask|kill|isolate|poweroff|reboot|halt|kexec|rescue|emergency|suspend|hibernate|revert|clean|exit|set-default)$/,
    ],
    why: 'systemctl stops services or the machine',
  },
  { programs: ['service', 'rc-service', 'invoke-rc.d'], word: /^(stop|--full-restart)$/, why: '{} stops a service' },
  { programs: ['initctl', 'stop'], word: /^(?!status$|list$)/, why: '{} stops a service' },
  {
    programs: ['supervisorctl', 'pm2', 'monit', 'launchctl', 'sv', 'svc'],
    word: /^(stop|delete|kill|shutdown|unload|bootout|remove|down|exit|-d|-x|-k)$/,
    why: '{} stops a service',
  },
  {
    programs: ['update-rc.d', 'chkconfig', 'rc-update'],
    word: /^(remove|disable|off|del|delete|-f)$/,
    why: '{} turns a service off',
  },
  {
    programs: ['iptables', 'ip6tables', 'ebtables', 'arptables', 'iptables-nft', 'iptables-legacy'],
    letters: 'FXDPZ',
    longs: ['flush', 'delete', 'delete-chain', 'policy'],
    why: '{} removes rules of the firewall',
  },
  { programs: ['iptables-restore', 'ip6tables-restore', 'nft-restore'], why: '{} replaces the rules of the firewall' },
  {
    programs: ['nft', 'ipset', 'ipvsadm'],
    word: /^(flush|delete|destroy|reset|-F|-X|-f|-C)$/,
    why: '{} removes rules of the firewall',
  },
  { programs: ['ufw'], operands: [/^(disable|reset|delete)$/], why: 'ufw removes rules of the firewall' },
  {
    programs: ['firewall-cmd'],
    longs: ['panic-on', 'remove-service', 'remove-port', 'complete-reload', 'reset-to-defaults'],
    why: 'firewall-cmd removes rules of the firewall',
  },
  { programs: ['ip', 'tc', 'bridge'], word: /^(del|delete|flush|down)$/, why: '{} takes the network down' },
  { programs: ['ifdown', 'rfkill'], why: '{} takes the network down' },
  {
    programs: ['ifconfig', 'nmcli', 'route'],
    word: /^(down|delete|del|off|disconnect|flush)$/,
    why: '{} takes the network down',
  },
  { programs: ['userdel', 'deluser', 'groupdel', 'delgroup', 'pw', 'chage'], why: '{} takes accounts away' },
  { programs: ['passwd', 'usermod'], letters: 'ldLe', longs: ['lock', 'delete', 'expire'], why: '{} locks accounts' },
  {
    programs: ['docker', 'podman', 'nerdctl', 'crictl'],
    word: /^(rm|rmi|kill|stop|prune|down|leave|remove|rmp|stopp|pause|disconnect)$/,
    why: '{} stops or removes containers or their data',
  },
  {
    programs: ['docker-compose', 'podman-compose'],
    word: /^(rm|kill|stop|down|pause)$/,
    why: '{} stops or removes containers',
  },
  {
    programs: ['kubectl', 'oc'],
    word: /^(delete|drain|cordon|scale|replace|taint|evict|undo)$/,
    why: '{} takes away what runs in a cluster',
  },
  { programs: ['helm'], word: /^(uninstall|delete|del|un|rollback)$/, why: 'helm takes away what runs in a cluster' },
  {
    programs: ['terraform', 'tofu', 'pulumi', 'vagrant', 'terragrunt'],
    word: /^(destroy|apply|down|taint|state|force-unlock|up)$/,
    why: '{} changes or removes infrastructure',
  },
  {
    programs: ['aws', 'gcloud', 'az', 'gsutil', 'doctl', 'hcloud', 'oci', 's3cmd', 'mc', 'rclone'],
    word: /^(rm|rb|del|delete|delete-.*|terminate-.*|stop-.*|purge|deletefile|sync|remove|destroy|deregister-.*|detach-.*)$/,
    why: '{} removes what is in a cloud',
  },
  {
    programs: ['dropdb', 'dropuser', 'pg_dropcluster', 'pg_resetwal', 'pg_archivecleanup', 'droplang'],
    why: '{} removes a database or what it needs',
  },
  {
    programs: ['pg_ctl', 'pg_ctlcluster', 'apachectl', 'apache2ctl', 'nginx', 'rabbitmqctl', 'haproxy', 'caddy'],
    word: /^(stop|kill|promote|quit|graceful-stop|reset|force_reset|stop_app|delete_.*|purge_queue|forget_cluster_node|shutdown)$/,
    why: '{} stops a service or removes its data',
  },
  {
    programs: ['mysqladmin', 'mariadb-admin'],
    word: /^(drop|shutdown|flush-.*|kill|reset-.*|stop-.*)$/,
    why: '{} stops a database or removes its data',
  },
  {
    programs: ['redis-cli', 'valkey-cli', 'keydb-cli'],
    word: /^(flushall|flushdb|shutdown|del|unlink|debug|failover|reset|script|config|restore|migrate|swapdb)$/i,
    why: '{} removes data or stops the server',
  },
  {
    programs: ['etcdctl', 'consul', 'vault', 'zkCli.sh', 'nomad'],
    word: /^(del|delete|leave|force-leave|destroy|stop|seal|remove|deleteall|rmr|purge)$/,
    why: '{} removes data or stops a service',
  },
  {
    programs: [
      'apt',
      'apt-get',
      'aptitude',
      'dpkg',
      'yum',
      'dnf',
      'microdnf',
      'zypper',
      'apk',
      'pacman',
      'snap',
      'flatpak',
      'brew',
      'rpm',
      'pip',
      'pip3',
      'npm',
      'gem',
      'emerge',
      'nix-env',
    ],
    word: /^(remove|purge|autoremove|erase|del|uninstall|autopurge|full-upgrade|dist-upgrade|-r|-P|-e|-R\w*|--remove|--purge|--erase|--unmerge|-C)$/,
    why: '{} removes software',
  },
  {
    programs: ['rsync'],
    longs: [
      'delete',
      'del',
      'delete-before',
      'delete-after',
      'delete-during',
      'delete-delay',
      'delete-excluded',
      'remove-source-files',
      'delete-missing-args',
    ],
    why: 'rsync removes files',
  },
  {
    programs: ['journalctl'],
    longs: ['vacuum-size', 'vacuum-time', 'vacuum-files', 'rotate', 'flush'],
    why: 'journalctl removes logs',
  },
  {
    programs: ['gpg', 'gpg2'],
    longs: ['delete-keys', 'delete-secret-keys', 'delete-secret-and-public-key'],
    why: 'gpg removes keys',
  },
  { programs: ['history'], letters: 'cdw', why: 'history forgets what was run' },
  { programs: ['auditctl'], letters: 'Dde', why: 'auditctl turns the record of the system off' },
  {
    programs: ['setenforce', 'aa-teardown', 'aa-disable', 'aa-complain'],
    why: '{} turns protection of the system off',
  },
  { programs: ['dmesg'], letters: 'cC', longs: ['clear', 'read-clear'], why: 'dmesg clears the log of the kernel' },
  { programs: ['sysctl'], letters: 'wp', longs: ['write', 'load', 'system'], why: 'sysctl changes the kernel' },
  { programs: ['rmmod'], why: 'rmmod takes a part of the kernel away' },
  { programs: ['mailq', 'postsuper'], letters: 'd', why: '{} removes mail' },
  { programs: ['loginctl'], word: /^(terminate-.*|kill-.*|lock-.*)$/, why: 'loginctl ends sessions' },
  {
    programs: ['tmutil', 'diskutil'],
    word: /^(erase.*|delete.*|partitionDisk|unmount.*|eraseDisk)$/,
    why: '{} erases disks',
  },
  {
    programs: [
      'psql',
      'mysql',
      'mariadb',
      'sqlite3',
      'mongo',
      'mongosh',
      'sqlcmd',
      'cqlsh',
      'clickhouse-client',
      'duckdb',
    ],
    word: /\b(drop\s|truncate\s|delete\s+from|alter\s|dropDatabase|deleteMany|\.drop\(|\.remove\()/i,
    why: '{} removes data',
  },
];

const byName = new Map<string, Row[]>();
const patterns: Row[] = [];
for (const row of table) {
  if (row.programs instanceof RegExp) patterns.push(row);
  else for (const program of row.programs) byName.set(program, [...(byName.get(program) ?? []), row]);
}

/** Notes what a program destroys or stops. */
export function noteDestruction({
  program,
  words,
  findings,
}: Pick<Invocation, 'program' | 'words' | 'findings'>): void {
  const rows = [
    ...(byName.get(program) ?? []),
    ...patterns.filter(({ programs }) => (programs as RegExp).test(program)),
  ];
  for (const row of rows) if (meets(words, row)) findings.destructive(`${row.why.replace('{}', program)}.`);
}

function meets(words: readonly FoldedWord[], { letters = '', longs = [], operands, word }: Row): boolean {
  if (letters !== '' || longs.length > 0) return hasOption(words, letters, longs);
  if (operands !== undefined) {
    const given = operandsOf(words);
    return operands.every((pattern, at) => {
      const found = given[at];
      return found !== undefined && (found.value === null || pattern.test(found.value));
    });
  }
  return (
    word === undefined || words.some(({ value, prefix }) => (value === null ? !/^\d/.test(prefix) : word.test(value)))
  );
}
