{{ config(materialized='table') }}
select p.member_id, count(*) as plays, max(m.country) as country
from {{ ref('staged_plays') }} p
join {{ source('crm', 'members') }} m on m.member_id = p.member_id
group by 1
