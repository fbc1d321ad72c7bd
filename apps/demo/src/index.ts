export { luhnCheckDigit } from './data/card.ts';
export { type Customer, type CustomerProfile, generateCustomers, shopSeed } from './data/customers.ts';
export { ibanCheckDigits, ibanRemainder } from './data/iban.ts';
export { type LoadedShop, type LoadShopOptions, loadShop } from './data/load-shop.ts';
