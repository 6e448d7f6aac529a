/** The properties of a device that a login sends: its user agent, and an address in its network. */
export interface DeviceProfile {
  userAgent: string;
  /**
   * The first three bytes of the address. As in a mobile network, the last byte changes with each
   * attempt.
   */
  network: string;
}

export type PhoneId = 1 | 2;

export const phoneIds: readonly PhoneId[] = [1, 2];

/** The addresses are in the blocks that RFC 5737 reserves for documentation. */
export const phoneProfiles: Record<PhoneId, DeviceProfile> = {
  1: {
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    network: '203.0.113',
  },
  2: {
    userAgent:
      'Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
    network: '198.51.100',
  },
};

/** Devices that do not belong to the user. */
export const strangerProfiles: readonly DeviceProfile[] = [
  {
    userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0',
    network: '192.0.2',
  },
  {
    userAgent:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
    network: '192.0.2',
  },
  {
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    network: '192.0.2',
  },
];

/**
 * The address of the device at an attempt, counted from 0. Each attempt has another address,
 * because the server raises at most one alert a minute for the attempts of one device.
 */
export function addressOf({ network }: DeviceProfile, attempt: number): string {
  return `${network}.${10 + (attempt % 240)}`;
}
