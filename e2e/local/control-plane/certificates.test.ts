import { describe, expect, test } from '@jest/globals';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createAuthority, createCertificate } from './certificates.ts';

describe('certificates', () => {
  const authority = createAuthority('a test authority');
  const ca = new X509Certificate(authority.certificate);

  test('an authority signs its own certificate and may issue others', () => {
    expect(ca.ca).toBe(true);
    expect(ca.subject).toBe('CN=a test authority');
    expect(ca.verify(ca.publicKey)).toBe(true);
  });

  test('a certificate is signed by its authority and carries its names', () => {
    const issued = createCertificate(authority, 'server', ['localhost', '10.99.0.1', 'fd00:99::1']);
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkIssued(ca)).toBe(true);
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('10.99.0.1')).toBe('10.99.0.1');
    expect(certificate.checkIP('fd00:99::1')).toBe('fd00:99::1');
    expect(certificate.checkIP('10.99.0.2')).toBeUndefined();
  });
});
