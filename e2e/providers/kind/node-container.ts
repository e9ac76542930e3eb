import { GenericContainer, Wait } from 'testcontainers';

/** All capabilities of root but CAP_SYS_RESOURCE, which not every machine can give. */
const CAPABILITIES = [
  ...[
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_CHROOT',
    'SYS_MODULE',
    'SYS_NICE',
    'SYS_PTRACE',
    'SYS_TIME',
    'SYS_TTY_CONFIG',
  ],
  ...['NET_ADMIN', 'NET_BROADCAST', 'NET_RAW', 'AUDIT_CONTROL', 'AUDIT_WRITE', 'DAC_READ_SEARCH', 'IPC_LOCK'],
  ...['LEASE', 'LINUX_IMMUTABLE', 'MKNOD', 'SYSLOG'],
];

const START_WITHIN = 600_000;
/** The last line of node/load-images. */
const IMAGES_LOADED = 'container images are loaded';

export interface NodeContainerSpec {
  readonly image: string;
  readonly name: string;
  /** Folder on this machine for /var/lib/containerd. */
  readonly containerd: string;
  /** Where it has a network. */
  readonly link?: { readonly network: string; readonly address: string };
}

/**
 * A machine with systemd and containerd. It needs no privileged mode, which some machines refuse
 * (CAP_SYS_RESOURCE).
 */
export class NodeContainer extends GenericContainer {
  constructor({ image, name, containerd, link }: NodeContainerSpec) {
    super(image);
    this.withName(name)
      .withHostname(name)
      .withAddedCapabilities(...CAPABILITIES)
      .withSecurityOpt('seccomp=unconfined', 'apparmor=unconfined')
      .withTmpFs({ '/run': '', '/tmp': '' })
      // The snapshots of containerd cannot be on an overlay.
      .withBindMounts([{ source: containerd, target: '/var/lib/containerd', mode: 'rw' }])
      // The run removes its containers itself. Ryuk, the reaper of testcontainers, is an image that would have to
      // be pulled.
      .withAutoCleanup(false)
      .withStartupTimeout(START_WITHIN)
      // A command as a wait strategy would start a process every 100 ms.
      .withWaitStrategy(Wait.forLogMessage(IMAGES_LOADED));
    // Testcontainers has no methods for these.
    Object.assign(this.hostConfig, {
      // `--security-opt systempaths=unconfined` is an option of the command line only, and stands for these two.
      MaskedPaths: [],
      ReadonlyPaths: [],
      CgroupnsMode: 'private',
      // Privileged pods, such as kube-proxy, ask for every device.
      DeviceCgroupRules: ['a *:* rwm'],
    });
    Object.assign(this.createOpts, { Tty: true, Volumes: { '/var': {} }, StopSignal: 'SIGRTMIN+3' });
    if (link === undefined) return;
    const { network, address } = link;
    this.withNetworkMode(network);
    const endpoint = { IPAMConfig: { IPv4Address: address } };
    Object.assign(this.createOpts, { NetworkingConfig: { EndpointsConfig: { [network]: endpoint } } });
  }
}
