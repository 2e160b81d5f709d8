// The retailer of the demo: products, locations, customers. Nobody here exists; mail goes to
// example.com (RFC 2606).

import type { Chance } from '../kit/chance.ts'

export const TENANT = 'dodici'
export const CURRENCY = 'EUR'

export type Product = { id: string; title: string; cents: number }

export const PRODUCTS: readonly Product[] = [
  { id: '1200101', title: 'Wool coat', cents: 28_900 },
  { id: '1200102', title: 'Rain jacket', cents: 15_950 },
  { id: '1200201', title: 'Linen shirt', cents: 7_990 },
  { id: '1200202', title: 'Oxford shirt', cents: 8_450 },
  { id: '1200203', title: 'Merino sweater', cents: 11_900 },
  { id: '1200301', title: 'Chinos', cents: 9_490 },
  { id: '1200302', title: 'Selvedge jeans', cents: 13_900 },
  { id: '1200401', title: 'Leather belt', cents: 4_995 },
  { id: '1200402', title: 'Silk scarf', cents: 6_450 },
  { id: '1200403', title: 'Wool socks', cents: 1_490 },
  { id: '1200501', title: 'Suede loafers', cents: 18_900 },
  { id: '1200502', title: 'White sneakers', cents: 12_495 },
]

/** The locations that store and ship goods. */
export const LOCATIONS: readonly string[] = [
  'warehouse-piacenza',
  'store-milano-brera',
  'store-torino-centro',
]

const FIRST_NAMES = ['Ada', 'Bruno', 'Chiara', 'Dario', 'Elena', 'Fabio', 'Giulia', 'Ivo']
const LAST_NAMES = ['Bianchi', 'Conti', 'Ferri', 'Galli', 'Lodi', 'Marini', 'Neri', 'Riva']
const STREETS = ['Via Garibaldi', 'Via Mazzini', 'Corso Cavour', 'Viale Monza']
const CITIES = [
  { city: 'Milano', zip_code: '20121', state: 'MI' },
  { city: 'Torino', zip_code: '10123', state: 'TO' },
  { city: 'Bologna', zip_code: '40121', state: 'BO' },
  { city: 'Genova', zip_code: '16121', state: 'GE' },
]

type Address = ReturnType<typeof addressOf>
export type Customer = {
  id: string
  number: string
  firstName: string
  lastName: string
  email: string
  address: Address
}

/** Customer number `index` (from 0) of the day. */
export function createCustomer(chance: Chance, index: number): Customer {
  const firstName = chance.pick(FIRST_NAMES)
  const lastName = chance.pick(LAST_NAMES)
  const number = `CUST${12_000 + index}`
  return {
    id: chance.uuid(),
    number,
    firstName,
    lastName,
    email: `${firstName}.${lastName}.${index}@example.com`.toLowerCase(),
    address: addressOf(chance, firstName, lastName),
  }
}

function addressOf(chance: Chance, firstName: string, lastName: string) {
  return {
    first_name: firstName,
    last_name: lastName,
    address_line_1: `${chance.pick(STREETS)} ${chance.whole(1, 120)}`,
    address_line_2: '',
    ...chance.pick(CITIES),
    country: 'IT',
  }
}
