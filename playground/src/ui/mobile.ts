/** Groups the digits for a person: `+999 123 456 789`. */
export function formatMobile(mobile: string): string {
  return mobile.replace(/(\d{3})(?=\d)/g, '$1 ');
}
