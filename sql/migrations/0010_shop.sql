-- The shop of a tenant as the log tells it, for notification jobs: projections of the events of
-- customers, products, prices, stock and wishlists. `position` is that of the event that a row was
-- last changed by. Everything here is written together with the cursor of projection:shop, so that
-- each event counts once. Old processes survive this migration.

create table shop_customer (
  tenant text not null,
  customer_id text not null,
  email text,
  first_name text,
  last_name text,
  marketing_consent boolean,
  position bigint not null,
  primary key (tenant, customer_id)
);

create table shop_product (
  tenant text not null,
  product_id text not null,
  name text,
  url text,
  image_url text,
  position bigint not null,
  primary key (tenant, product_id)
);

create table shop_variant (
  tenant text not null,
  variant_id text not null,
  product_id text,
  name text,
  url text,
  image_url text,
  position bigint not null,
  primary key (tenant, variant_id)
);

-- An item is a variant, or a product that has none.
create table shop_price (
  tenant text not null,
  price_id text not null,
  item_id text not null,
  currency text not null,
  amount numeric not null,
  position bigint not null,
  primary key (tenant, price_id)
);

create index shop_price_by_item on shop_price (tenant, item_id);

-- A level that was deleted stays, with nothing available: what comes back later is a restock.
create table shop_stock (
  tenant text not null,
  level_id text not null,
  item_id text not null,
  location_id text not null,
  available numeric not null,
  position bigint not null,
  primary key (tenant, level_id)
);

create index shop_stock_by_item on shop_stock (tenant, item_id) include (available);

-- `position`: the event that put the item on the list.
create table shop_wish (
  tenant text not null,
  wishlist_id text not null,
  item_id text not null,
  customer_id text not null,
  position bigint not null,
  primary key (tenant, wishlist_id, item_id)
);

create index shop_wish_by_item on shop_wish (tenant, item_id) include (customer_id, position);
create index shop_wish_by_customer on shop_wish (tenant, customer_id) include (item_id);

-- Occasions: an item went from none to some in stock; its price fell. Kept as long as events are.
create table shop_restock (
  tenant text not null,
  position bigint not null,
  item_id text not null,
  primary key (tenant, position, item_id)
);

create table shop_price_drop (
  tenant text not null,
  position bigint not null,
  item_id text not null,
  currency text not null,
  amount_before numeric not null,
  amount numeric not null,
  primary key (tenant, position, item_id, currency)
);

-- What could not be read, and was skipped. `entry`: which one of a bulk operation.
create table shop_unreadable (
  tenant text not null,
  position bigint not null,
  entry integer not null,
  reason text not null,
  primary key (tenant, position, entry)
);
