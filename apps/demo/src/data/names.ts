/** Given names, family names, streets and towns of the generated people. */
export const givenNames =
  'Ada Alan Alma Amara Andre Anna Arjun Astrid Aylin Ben Bianca Carlos Chen Chloe Clara Daniel David Dilek Elena Elif Emil Emma Eva Farid Felix Fiona Freya George Grace Greta Hana Hannah Hugo Ines Iris Ivan Jack Jana Jonas Jose Julia Kai Karin Kofi Lara Leila Leo Lina Luca Lucia Mai Marco Maria Mateo Maya Mia Mila Mohammed Nadia Naomi Nils Noah Nora Olga Oscar Owen Paul Petra Priya Quentin Rahel Ravi Rosa Ruth Sami Sara Sofia Stefan Tariq Thea Theo Tomas Uma Vera Victor Wei Yara Yuki Yusuf Zoe'.split(
    ' ',
  );
export const familyNames =
  "Abe Adams Ahmed Albrecht Ali Andersen Bauer Becker Bell Bennett Berg Bianchi Brandt Brown Byrne Carter Castro Chen Clark Cohen Costa Cruz Dahl Davies Diaz Dubois Eriksson Evans Farah Ferrari Fischer Flores Fontaine Garcia Gomez Green Gupta Haas Hall Hansen Hoffmann Huang Hughes Ibrahim Ito Jansen Jensen Johnson Jones Kaplan Keller Khan Kim King Klein Kowalski Larsen Lee Lehmann Lopez Martin Mendes Meyer Miller Moreau Morris Murphy Nakamura Neumann Nguyen Novak O'Brien O'Neill Okafor Olsen Park Patel Perez Petrov Ricci Roberts Rossi Russo Sanchez Santos Sato Schmidt Schneider Silva Singh Smith Suzuki Tanaka Taylor Thomas Torres Turner Vargas Vogel Wagner Walker Weber White Wilson Wolf Wong Wright Yamamoto Yilmaz Young Zhang".split(
    ' ',
  );
export const streets =
  'Ash|Birch|Bridge|Cedar|Chapel|Cherry|Church|Elm|Forest|Garden|Harbor|High|Hill|Lake|Lincoln|Main|Maple|Market|Meadow|Mill|North|Oak|Orchard|Park|Pine|River|School|South|Spring|Station|Sunset|Valley|Walnut|Washington|West|Willow'.split(
    '|',
  );
export const streetKinds = ['Street', 'Avenue', 'Road', 'Lane', 'Drive', 'Way'] as const;
/** Town, state and the first three digits of its ZIP codes. */
export const towns = [
  ['Albany', 'NY', '122'],
  ['Austin', 'TX', '787'],
  ['Boise', 'ID', '837'],
  ['Boston', 'MA', '021'],
  ['Burlington', 'VT', '054'],
  ['Chicago', 'IL', '606'],
  ['Columbus', 'OH', '432'],
  ['Denver', 'CO', '802'],
  ['Eugene', 'OR', '974'],
  ['Fargo', 'ND', '581'],
  ['Madison', 'WI', '537'],
  ['Memphis', 'TN', '381'],
  ['Oakland', 'CA', '946'],
  ['Omaha', 'NE', '681'],
  ['Portland', 'ME', '041'],
  ['Raleigh', 'NC', '276'],
  ['Reno', 'NV', '895'],
  ['Salem', 'OR', '973'],
  ['Savannah', 'GA', '314'],
  ['Seattle', 'WA', '981'],
  ['Springfield', 'IL', '627'],
  ['Tucson', 'AZ', '857'],
] as const;
export const areaCodes =
  '202 206 212 213 214 215 216 303 305 312 313 314 404 412 414 415 503 504 505 512 602 612 614 615 617 702 704 713 718 801 804 816 860 901 904 913 916 971'.split(
    ' ',
  );
export const mailDomains = [
  'example.com',
  'example.org',
  'example.net',
  'mail.example.com',
  'post.example.org',
] as const;
